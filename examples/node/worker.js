/*
 * A worker: registered for as long as it lives, it follows its configuration until that says "stop".
 *
 *     npm install --prefix examples/node && node examples/node/worker.js 127.0.0.1:2181 /demo
 */

'use strict';

const os = require('os');
const {promisify} = require('util');
const zookeeper = require('node-zookeeper-client');

// Longer than any pause of your own; others wait so long until they know that you are dead.
const SESSION_MS = 10000;

const [hosts = '127.0.0.1:2181', root = '/demo'] = process.argv.slice(2);
const config = `${root}/config`;
const client = zookeeper.createClient(hosts, {sessionTimeout: SESSION_MS, retries: 5});
const mkdirp = promisify(client.mkdirp.bind(client));
const create = promisify(client.create.bind(client));

function end(why) {
  if (why) {
    console.error(why);
    process.exitCode = 1;
  }
  client.close(); // the registration goes at once
}

function configured(value) {
  console.log('config:', value);
  if (value === 'stop') {
    end();
  }
}

/* Shows the value, and watches for the next one. A watch fires once; the client sets it again on a new connection. */
function follow() {
  client.getData(config, follow, (error, data) => {
    if (!error) {
      configured(String(data || ''));
    } else if (error.getCode() === zookeeper.Exception.NO_NODE) {
      configured('(none)');
      client.exists(config, follow, (failure, stat) => {
        if (failure) {
          setTimeout(follow, 1000);
        } else if (stat) {
          follow(); // it was made meanwhile
        }
      });
    } else {
      setTimeout(follow, 1000); // no connection at the moment
    }
  });
}

async function main() {
  await mkdirp(`${root}/workers`);
  const path = await create(
    `${root}/workers/worker-`, Buffer.from(os.hostname()), zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL);
  console.log('registered', path);
  follow();
}

client.once('connected', () => main().catch((error) => end(`not registered: ${error}`)));
client.once('expired', () => end('the session is over: start again, somebody may have taken this place'));
client.connect();
