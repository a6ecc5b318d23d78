'use strict';

// What the scripts have in common: the chip at TPM_SOCKET, enrolled where a
// connection string is given, and registered by Microsoft's SDK.

const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { TpmSecurityClient } = require('azure-iot-security-tpm');
const { promisify } = require('node:util');
const openTpm = require('./socket_tpm.js');

async function enroll(connectionString, enrollment) {
  const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
  const service = ProvisioningServiceClient.fromConnectionString(connectionString);
  await service.createOrUpdateIndividualEnrollment(enrollment);
}

// provision returns the registration's result, and the chip with the key of its
// hub identity in it. settings are more members of the enrollment.
module.exports = async function provision(env, settings) {
  const tpm = openTpm(env.TPM_SOCKET);
  const chip = new TpmSecurityClient(undefined, tpm);
  const endorsementKey = (await promisify(chip.getEndorsementKey.bind(chip))()).toString('base64');
  const registrationId = await promisify(chip.getRegistrationId.bind(chip))();

  if (env.PROVISIONING_CONNECTION_STRING) {
    await enroll(env.PROVISIONING_CONNECTION_STRING, {
      registrationId,
      attestation: { type: 'tpm', tpm: { endorsementKey } },
      ...settings,
    });
  }

  const device = ProvisioningDeviceClient.create(
    env.IOTHUB_DEVICE_DPS_ENDPOINT, env.IOTHUB_DEVICE_DPS_ID_SCOPE, new Http(), chip);
  const { registrationState: result } = await promisify(device.register.bind(device))();
  return {
    registrationId,
    endorsementKey,
    result,
    sign: async (text) => (await promisify(chip.signWithIdentity.bind(chip))(Buffer.from(text))).toString('base64'),
    close: () => tpm.close(),
  };
};
