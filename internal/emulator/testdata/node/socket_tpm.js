'use strict';

// A TPM behind a unix socket, for tss.js: it only knows /dev/tpm0 and the
// Microsoft simulator. swtpm takes bare commands, one after the other.

const net = require('node:net');
const tss = require('tss.js');

class SocketDevice {
  constructor(path) {
    this.path = path;
  }

  connect(done) {
    this.socket = net.connect(this.path, () => done(null));
    this.socket.on('error', (err) => { throw err; });
    return null;
  }

  dispatchCommand(command, done) {
    let answer = Buffer.alloc(0);
    const onData = (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 10 || answer.length < answer.readUInt32BE(2)) return;
      this.socket.removeListener('data', onData);
      setImmediate(done, null, answer);
    };
    this.socket.on('data', onData);
    this.socket.write(command);
  }

  close() {
    this.socket.end();
  }
}

module.exports = function openTpm(path) {
  const tpm = new tss.Tpm(false);
  tpm.device = new SocketDevice(path);
  return tpm;
};
