/*
 * Every recipe of Curator, against the servers at the address that is the first argument, below the path that is the
 * second.  Prints one line per finding; the same lines of every server.  "> cut" asks for the connections to be cut.
 */

class Recipes extends Steps {
    public static void main(String[] arguments) throws Exception {
        String connect = arguments[0];
        String root = arguments[1].substring(1);
        one = client(connect, root);
        two = client(connect, root);
        Locks.all();
        Leaders.all(connect, root);
        Values.all();
        Caches.all();
        Nodes.all();
        Queues.all();
        Framework.all(connect, root);
        two.close();
        one.close();
        threads.shutdownNow();
        say("end");
        System.exit(0);
    }
}
