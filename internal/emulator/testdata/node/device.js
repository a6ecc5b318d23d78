'use strict';

// Goes on where register.js ends: with a token that the chip signs, the device
// client connects to the hub over MQTT, reads the twin, sends a message and
// reports a property. It prints one line of JSON with what it saw.

const { Client, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const provision = require('./provision.js');

async function token(hub, deviceId, sign) {
  const sr = encodeURIComponent(`${hub}/devices/${deviceId}`);
  const se = Math.floor(Date.now() / 1000) + 3600;
  const sig = encodeURIComponent(await sign(`${sr}\n${se}`));
  return `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}`;
}

async function main(env) {
  const { result, sign, close } = await provision(env, {
    initialTwin: { tags: { line: 7 }, properties: { desired: { interval: 30 } } },
  });
  const { assignedHub, deviceId } = result;
  const client = Client.fromSharedAccessSignature(await token(assignedHub, deviceId, sign), Mqtt);
  await client.open();
  const twin = await client.getTwin();
  await client.sendEvent(new Message('hello'));
  await new Promise((done, failed) => {
    twin.properties.reported.update({ firmware: '1.2.3' }, (err) => (err ? failed(err) : done()));
  });
  const again = await client.getTwin();
  console.log(JSON.stringify({
    deviceId,
    interval: twin.properties.desired.interval,
    desiredVersion: twin.properties.desired.$version,
    firmware: again.properties.reported.firmware,
  }));
  await client.close();
  close();
}

main(process.env).then(() => process.exit(0), (err) => {
  console.error(err);
  process.exit(1);
});
