'use strict';

// Registers the chip at TPM_SOCKET with the emulator, by Microsoft's SDK alone,
// and prints one line of JSON with what came of it. The Go test that runs this
// compares it with what the emulator knows. Given a connection string, it
// enrolls the chip first.

const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { TpmSecurityClient } = require('azure-iot-security-tpm');
const { promisify } = require('node:util');
const openTpm = require('./socket_tpm.js');

async function enroll(connectionString, registrationId, endorsementKey) {
  const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
  const service = ProvisioningServiceClient.fromConnectionString(connectionString);
  await service.createOrUpdateIndividualEnrollment({
    registrationId,
    attestation: { type: 'tpm', tpm: { endorsementKey } },
  });
}

async function main(env) {
  const tpm = openTpm(env.TPM_SOCKET);
  const chip = new TpmSecurityClient(undefined, tpm);
  const endorsementKey = (await promisify(chip.getEndorsementKey.bind(chip))()).toString('base64');
  const registrationId = await promisify(chip.getRegistrationId.bind(chip))();

  if (env.PROVISIONING_CONNECTION_STRING) {
    await enroll(env.PROVISIONING_CONNECTION_STRING, registrationId, endorsementKey);
  }

  const device = ProvisioningDeviceClient.create(
    env.IOTHUB_DEVICE_DPS_ENDPOINT, env.IOTHUB_DEVICE_DPS_ID_SCOPE, new Http(), chip);
  const { registrationState: result } = await promisify(device.register.bind(device))();

  const text = `${result.assignedHub}/devices/${result.deviceId}`;
  const signature = await promisify(chip.signWithIdentity.bind(chip))(Buffer.from(text));
  console.log(JSON.stringify({
    registrationId,
    endorsementKey,
    status: result.status,
    assignedHub: result.assignedHub,
    deviceId: result.deviceId,
    text,
    signature: signature.toString('base64'),
  }));
  tpm.close();
}

main(process.env).catch((err) => {
  console.error(err);
  process.exit(1);
});
