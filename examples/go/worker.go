// A worker: registered for as long as it lives, it follows its configuration until that says "stop".
// With go-zookeeper.
//
//	cd examples/go && go mod tidy && go run . 127.0.0.1:2181 /demo
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// Longer than any pause of your own; others wait so long until they know that you are dead.
const session = 10 * time.Second

var open = zk.WorldACL(zk.PermAll)

func main() {
	hosts, root := "127.0.0.1:2181", "/demo"
	if len(os.Args) > 1 {
		hosts = os.Args[1]
	}
	if len(os.Args) > 2 {
		root = os.Args[2]
	}
	conn, states, err := zk.Connect(strings.Split(hosts, ","), session, zk.WithLogInfo(false))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close() // the registration goes at once
	go func() {
		for each := range states { // a lost connection comes back by itself
			if each.State == zk.StateExpired {
				log.Fatal("the session is over: start again, somebody may have taken this place")
			}
		}
	}()

	path, err := join(conn, root)
	if err != nil {
		log.Fatal("not registered: ", err)
	}
	fmt.Println("registered", path)
	for value := range follow(conn, root+"/config") {
		fmt.Println("config:", value)
		if value == "stop" {
			return
		}
	}
}

func join(conn *zk.Conn, root string) (string, error) {
	for _, path := range []string{root, root + "/workers"} {
		if _, err := conn.Create(path, nil, 0, open); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return "", err
		}
	}
	host, _ := os.Hostname()
	// Protected: looked for before it is made again, where the connection broke before the answer.
	return conn.CreateProtectedEphemeralSequential(root+"/workers/worker-", []byte(host), open)
}

// The value now, and each later one that is seen: those that come fast may be missed, the last one never is.
func follow(conn *zk.Conn, path string) <-chan string {
	values := make(chan string)
	go func() {
		for {
			value, changed, err := watched(conn, path)
			if err != nil { // no connection at the moment
				time.Sleep(time.Second)
				continue
			}
			values <- value
			<-changed
		}
	}()
	return values
}

func watched(conn *zk.Conn, path string) (string, <-chan zk.Event, error) {
	data, _, changed, err := conn.GetW(path)
	if errors.Is(err, zk.ErrNoNode) {
		var exists bool
		exists, _, changed, err = conn.ExistsW(path)
		if exists { // it was made meanwhile
			return watched(conn, path)
		}
		data = []byte("(none)")
	}
	return string(data), changed, err
}
