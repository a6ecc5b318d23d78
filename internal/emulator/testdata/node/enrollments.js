'use strict';

// Works on enrollments by Microsoft's service SDK: each step asserts what the
// SDK hands back. ENDORSEMENT_KEY is a key that the emulator takes.

const assert = require('node:assert/strict');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');

function enrollment(registrationId, env, more) {
  return {
    registrationId,
    attestation: { type: 'tpm', tpm: { endorsementKey: env.ENDORSEMENT_KEY } },
    ...more,
  };
}

// Resolves to the error of a call that has to be refused with the status.
async function refused(status, call) {
  const err = await call.then(() => assert.fail(`not refused, want ${status}`), (e) => e);
  assert.equal(err.response && err.response.statusCode, status, `${err}`);
  return err;
}

// In SDK 1.11.2 the promise of a bulk operation never resolves: it wants a callback.
function bulk(service, operation) {
  return new Promise((resolve, reject) => {
    service.runBulkEnrollmentOperation(operation, (err, result) => (err ? reject(err) : resolve(result)));
  });
}

async function lifecycle(service, env) {
  const tags = { line: 7, nested: { a: [1, 2] } };
  const created = (await service.createOrUpdateIndividualEnrollment(
    enrollment('node-1', env, { deviceId: 'press-7', initialTwin: { tags } }))).responseBody;
  assert.equal(created.registrationId, 'node-1');
  assert.ok(created.etag, 'no etag');

  // GET alone has the state of a machine that never registered.
  const { registrationState, ...read } = (await service.getIndividualEnrollment('node-1')).responseBody;
  assert.deepEqual(registrationState, { registrationId: 'node-1', status: 'unassigned' });
  assert.deepEqual(read, created);
  assert.deepEqual(read.initialTwin.tags, tags);
  const mechanism = (await service.getIndividualEnrollmentAttestationMechanism('node-1')).responseBody;
  assert.equal(mechanism.tpm.endorsementKey, env.ENDORSEMENT_KEY);

  // The SDK sends an enrollment's etag as If-Match.
  const updated = (await service.createOrUpdateIndividualEnrollment(
    { ...read, provisioningStatus: 'disabled' })).responseBody;
  assert.equal(updated.provisioningStatus, 'disabled');
  assert.notEqual(updated.etag, read.etag);
  await refused(412, service.createOrUpdateIndividualEnrollment({ ...read, deviceId: 'other' }));
  await refused(412, service.deleteIndividualEnrollment('node-1', read.etag));
  await service.deleteIndividualEnrollment('node-1', updated.etag);
  const gone = await refused(404, service.getIndividualEnrollment('node-1'));
  assert.match(gone.responseBody, /"errorCode":404201/);
}

async function bulkAndQuery(service, env) {
  const ids = ['a', 'b', 'c', 'd', 'e'].map((x) => `node-bulk-${x}`);
  const enrollments = ids.map((id) => enrollment(id, env));
  const made = await bulk(service, { mode: 'create', enrollments });
  assert.deepEqual(made, { isSuccessful: true, errors: [] });
  const again = await bulk(service, { mode: 'create', enrollments: enrollments.slice(0, 1) });
  assert.equal(again.isSuccessful, false);
  assert.equal(again.errors[0].registrationId, ids[0]);

  const query = service.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 3);
  const pages = [];
  while (query.hasMoreResults) {
    pages.push((await query.next(query.continuationToken)).responseBody.map((e) => e.registrationId));
  }
  // The order is the service's, which is neither by ID nor by time.
  assert.deepEqual(pages.map((page) => page.length), [3, 2]);
  assert.deepEqual(pages.flat().sort(), ids);

  const dropped = await bulk(service, { mode: 'delete', enrollments });
  assert.equal(dropped.isSuccessful, true);
}

async function main(env) {
  const service = ProvisioningServiceClient.fromConnectionString(env.PROVISIONING_CONNECTION_STRING);
  await lifecycle(service, env);
  await bulkAndQuery(service, env);
  console.log('all steps done');
}

main(process.env).catch((err) => {
  console.error(err);
  process.exit(1);
});
