import type net from 'node:net';

/** ms for what has arrived to be read; the kernel has it already, so this only ends a connection that cannot be written and stays open */
const GRACE = 1000;

type Done = (error?: Error | null) => void;

/**
 * A server may take a mail, say so and reset the connection. Then our next write fails, and Node destroys the socket although the kernel still
 * holds the reply: the mail would be sent twice. So a write's failure is kept back until the read side has ended by itself (which it does once it
 * has given out what it has), at most `GRACE`. The methods are set on the socket, as `tls.connect` makes its own; one in clear under a TLSSocket is
 * written past them.
 */
export function readFirst(socket: net.Socket): void {
  const write = socket._write;
  const writev = socket._writev!;
  const held = (done: Done): Done => {
    return (error) => {
      if (error) setTimeout(done, GRACE, error).unref();
      else done();
    };
  };
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, held(done));
  socket._writev = (chunks, done) => writev.call(socket, chunks, held(done));
}
