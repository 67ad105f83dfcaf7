/*
 * The npm package node-zookeeper-client, against the servers at the address that is the first argument, below the path
 * that is the second.  Prints one line per finding; the same lines of every server.  "> cut" asks for the connection to
 * be cut.
 */

'use strict';

const zookeeper = require('node-zookeeper-client');

const [servers, root] = process.argv.slice(2);
const events = [];
const waiting = [];
const say = (...what) => console.log(what.join(' '));

function connected() {
  const client = zookeeper.createClient(servers + root, {sessionTimeout: 20000, spinDelay: 50, retries: 10});
  return new Promise((resolve) => {
    client.once('connected', () => resolve(client));
    client.connect();
  });
}

/* The result of a call, or the name of its error, in a line; and the result. */
async function tell(name, call) {
  return new Promise((resolve) => call((error, ...results) => {
    const stat = results.find((each) => each && each.czxid);
    const told = results.filter((each) => each !== undefined && each !== stat && !Buffer.isBuffer(each));
    const data = results.filter(Buffer.isBuffer).map((each) => each.toString());
    say(' ', name, error ? error.getName() : 'ok', JSON.stringify(error ? [] : [...told, ...data]),
      stat ? `version ${stat.version} cversion ${stat.cversion} children ${stat.numChildren}` : '');
    resolve(results);
  }));
}

function onEvent(event) {
  const line = `${event.getName()} ${event.getPath()}`;
  const next = waiting.shift();
  if (next) {
    next(line);
  } else {
    events.push(line);
  }
}

const nextEvent = () => new Promise((resolve) => (events.length ? resolve(events.shift()) : waiting.push(resolve)));

async function nodes(client) {
  const {PERSISTENT, EPHEMERAL, PERSISTENT_SEQUENTIAL} = zookeeper.CreateMode;
  say('nodes');
  await tell('create', (done) => client.create('/a', Buffer.from('one'), PERSISTENT, done));
  await tell('create', (done) => client.create('/a', done));
  await tell('create', (done) => client.create('/none/a', done));
  await tell('sequential', (done) => client.create('/s-', PERSISTENT_SEQUENTIAL, done));
  await tell('ephemeral', (done) => client.create('/e', EPHEMERAL, done));
  await tell('child', (done) => client.create('/e/child', done));
  await tell('mkdirp', (done) => client.mkdirp('/p/q/r', done));
  await tell('get', (done) => client.getData('/a', done));
  await tell('set', (done) => client.setData('/a', Buffer.from('two'), 0, done));
  await tell('set', (done) => client.setData('/a', Buffer.from('three'), 0, done));
  await tell('exists', (done) => client.exists('/a', done));
  await tell('exists', (done) => client.exists('/none', done));
  await tell('children', (done) => client.getChildren('/p', done));
  await tell('remove', (done) => client.remove('/p', done));
  await tell('remove', (done) => client.removeRecursive('/p', done));
}

async function transactions(client) {
  say('transactions');
  await tell('commit', (done) => client.transaction().create('/t').setData('/t', Buffer.from('x'), 0).check('/t', 1)
    .remove('/t', 1).commit((error, results) => done(error, results && results.map((each) => each.type))));
  await tell('abort', (done) => client.transaction().create('/u').remove('/none').commit((error) => done(error)));
  await tell('undone', (done) => client.exists('/u', done));
}

async function watches(client) {
  say('watches');
  await tell('exists', (done) => client.exists('/w', onEvent, done));
  await tell('create', (done) => client.create('/w', done));
  say(' ', await nextEvent());
  await tell('get', (done) => client.getData('/w', onEvent, done));
  await tell('children', (done) => client.getChildren('/w', onEvent, done));
  await tell('create', (done) => client.create('/w/c', done));
  say(' ', await nextEvent());
  await tell('set', (done) => client.setData('/w', Buffer.from('x'), -1, done));
  say(' ', await nextEvent());
}

/* The session, its ephemerals and its watches outlive the connection. */
async function cut(client) {
  say('cut');
  await tell('get', (done) => client.getData('/w', onEvent, done));
  const session = client.getSessionId().toString('hex');
  const back = new Promise((resolve) => client.once('connected', resolve));
  say('> cut');
  await back;
  say('  the same session', session === client.getSessionId().toString('hex'));
  await tell('exists', (done) => client.exists('/e', done));
  await tell('set', (done) => client.setData('/w', Buffer.from('y'), -1, done));
  say(' ', await nextEvent());
}

async function acls(client) {
  say('acls');
  client.addAuthInfo('digest', Buffer.from('ann:secret'));
  await tell('create', (done) => client.create('/mine', zookeeper.ACL.CREATOR_ALL_ACL, done));
  await tell('acl', (done) => client.getACL('/mine', (error, found) => done(error, found.map((each) => `${each.permission} ${each.id.scheme} ${each.id.id}`))));
  await tell('set', (done) => client.setACL('/mine', zookeeper.ACL.READ_ACL_UNSAFE, 0, done));
  await tell('denied', (done) => client.setData('/mine', Buffer.from('x'), done));
}

async function main() {
  const client = await connected();
  await nodes(client);
  await transactions(client);
  await watches(client);
  await cut(client);
  await acls(client);
  client.once('disconnected', () => {
    say('end');
    process.exit(0);
  });
  client.close();
}

main();
