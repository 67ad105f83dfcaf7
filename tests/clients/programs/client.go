// The Go client that Debian packages, against the servers at the address that is the first argument, below the path
// that is the second.  Prints one line per finding; the same lines of every server.  "> cut" asks for the connection
// to be cut.
package main

import (
	"fmt"
	"io/ioutil"
	"log"
	"os"
	"sort"
	"sync"
	"time"

	"github.com/samuel/go-zookeeper/zk"
)

const deadline = 60 * time.Second

var (
	open = zk.WorldACL(zk.PermAll)
	root = os.Args[2]
)

func say(what ...interface{}) { fmt.Println(what...) }

func name(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

func event(events <-chan zk.Event) {
	select {
	case each := <-events:
		say(" ", each.Type, each.State, each.Path[len(root):], name(each.Err))
	case <-time.After(deadline):
		say("  NOT: an event")
	}
}

// A connection, and the states of its session as they come.
func connected() (*zk.Conn, <-chan zk.Event) {
	conn, states, err := zk.Connect([]string{os.Args[1]}, 20*time.Second, zk.WithLogger(log.New(ioutil.Discard, "", 0)))
	if err != nil {
		panic(err)
	}
	await(states, zk.StateHasSession)
	return conn, states
}

func await(states <-chan zk.Event, wanted zk.State) {
	for each := range states {
		if each.State == wanted {
			return
		}
	}
}

func nodes(conn *zk.Conn) {
	say("nodes")
	for _, each := range []struct {
		path  string
		flags int32
	}{{"/a", 0}, {"/a", 0}, {"/none/a", 0}, {"/s-", zk.FlagSequence}, {"/e", zk.FlagEphemeral}, {"/e/child", 0}} {
		made, err := conn.Create(root+each.path, []byte("one"), each.flags, open)
		if made != "" {
			made = made[len(root):]
		}
		say("  create", each.path, made, name(err))
	}
	data, stat, err := conn.Get(root + "/a")
	say("  get", string(data), stat.Version, stat.DataLength, name(err))
	stat, err = conn.Set(root+"/a", []byte("two"), 0)
	say("  set", stat.Version, name(err))
	_, err = conn.Set(root+"/a", []byte("three"), 0)
	say("  set", name(err))
	found, _, err := conn.Exists(root + "/none")
	say("  exists", found, name(err))
	children, stat, err := conn.Children(root)
	sort.Strings(children)
	say("  children", children, stat.Cversion, name(err))
	say("  delete", name(conn.Delete(root+"/a", 7)), name(conn.Delete(root+"/a", 1)), name(conn.Delete(root, -1)))
	_, err = conn.Sync(root)
	say("  sync", name(err))
}

func multi(conn *zk.Conn) {
	say("multi")
	results, err := conn.Multi(
		&zk.CreateRequest{Path: root + "/m", Data: []byte("1"), Acl: open},
		&zk.SetDataRequest{Path: root + "/m", Data: []byte("2"), Version: 0},
		&zk.CheckVersionRequest{Path: root + "/m", Version: 1},
		&zk.DeleteRequest{Path: root + "/m", Version: 1})
	say(" ", len(results), name(err))
	results, err = conn.Multi(
		&zk.CreateRequest{Path: root + "/m", Data: []byte("1"), Acl: open},
		&zk.DeleteRequest{Path: root + "/none", Version: -1})
	found, _, _ := conn.Exists(root + "/m")
	say(" ", len(results), name(err), found)
}

func watches(conn *zk.Conn) {
	say("watches")
	_, _, made, err := conn.ExistsW(root + "/w")
	say(" ", name(err))
	conn.Create(root+"/w", nil, 0, open)
	event(made)
	_, _, changed, _ := conn.GetW(root + "/w")
	_, _, born, _ := conn.ChildrenW(root + "/w")
	conn.Create(root+"/w/c", nil, 0, open)
	event(born)
	conn.Set(root+"/w", []byte("x"), -1)
	event(changed)
}

// The session, its ephemerals and its watches outlive the connection.
func cut(conn *zk.Conn, states <-chan zk.Event) {
	say("cut")
	_, _, changed, _ := conn.GetW(root + "/w")
	session := conn.SessionID()
	say("> cut")
	await(states, zk.StateDisconnected)
	await(states, zk.StateHasSession)
	found, _, err := conn.Exists(root + "/e")
	say("  the same session", conn.SessionID() == session, found, name(err))
	_, err = conn.Set(root+"/w", []byte("y"), -1)
	say("  set", name(err))
	event(changed)
}

func locks(conn *zk.Conn) {
	say("locks")
	count := 0
	var workers sync.WaitGroup
	for worker := 0; worker < 5; worker++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			lock := zk.NewLock(conn, root+"/lock", open)
			if err := lock.Lock(); err != nil {
				say("  lock", name(err))
			}
			before := count
			time.Sleep(5 * time.Millisecond)
			count = before + 1
			lock.Unlock()
		}()
	}
	workers.Wait()
	say("  one at a time:", count)
}

func acls(conn *zk.Conn) {
	say("acls")
	say("  auth", name(conn.AddAuth("digest", []byte("ann:secret"))))
	_, err := conn.Create(root+"/mine", nil, 0, zk.DigestACL(zk.PermAll, "ann", "secret"))
	found, stat, _ := conn.GetACL(root + "/mine")
	say("  create", name(err), found, stat.Aversion)
	_, err = conn.SetACL(root+"/mine", zk.WorldACL(zk.PermRead), 0)
	say("  set", name(err))
	_, err = conn.Set(root+"/mine", nil, -1)
	say("  denied", name(err))
}

func main() {
	conn, states := connected()
	nodes(conn)
	multi(conn)
	watches(conn)
	cut(conn, states)
	locks(conn)
	acls(conn)
	conn.Close()
	say("end")
}
