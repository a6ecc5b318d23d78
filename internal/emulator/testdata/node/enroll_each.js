'use strict';

// Enrolls the first COUNT records of BATCH by Microsoft's service SDK, one request after the
// other, as its samples do, and prints how many milliseconds that took, without the start of Node.js.

const fs = require('node:fs');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');

async function main(env) {
  const service = ProvisioningServiceClient.fromConnectionString(env.PROVISIONING_CONNECTION_STRING);
  const records = fs.readFileSync(env.BATCH, 'utf8').split('\n').slice(0, Number(env.COUNT)).map(JSON.parse);
  const began = process.hrtime.bigint();
  for (const r of records) {
    await service.createOrUpdateIndividualEnrollment({
      registrationId: r.registration_id,
      attestation: { type: 'tpm', tpm: { endorsementKey: r.endorsement_key } },
    });
  }
  console.log(Number(process.hrtime.bigint() - began) / 1e6);
}

main(process.env).catch((err) => {
  console.error(err);
  process.exit(1);
});
