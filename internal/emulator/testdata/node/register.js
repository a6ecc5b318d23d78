'use strict';

// Registers the chip at TPM_SOCKET with the emulator, by Microsoft's SDK alone,
// and prints one line of JSON with what came of it. The Go test that runs this
// compares it with what the emulator knows. Given a connection string, it
// enrolls the chip first.

const provision = require('./provision.js');

async function main(env) {
  const { registrationId, endorsementKey, result, sign, close } = await provision(env);
  const text = `${result.assignedHub}/devices/${result.deviceId}`;
  console.log(JSON.stringify({
    registrationId,
    endorsementKey,
    status: result.status,
    assignedHub: result.assignedHub,
    deviceId: result.deviceId,
    text,
    signature: await sign(text),
  }));
  close();
}

main(process.env).catch((err) => {
  console.error(err);
  process.exit(1);
});
