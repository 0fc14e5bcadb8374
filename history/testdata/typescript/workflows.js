// Workflows that know nothing of Verdict.
const wf = require('@temporalio/workflow');

const { search, charge, refuse, hang } = wf.proxyActivities({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: 20, backoffCoefficient: 1, maximumAttempts: 5 },
});
const { slow } = wf.proxyActivities({ startToCloseTimeout: 300, retry: { maximumAttempts: 1 } });
const { quick, stumble, refuseHere } = wf.proxyLocalActivities({
  startToCloseTimeout: '1 minute',
  localRetryThreshold: 50, // a later attempt waits for a timer
  retry: { initialInterval: 200, backoffCoefficient: 1, maximumAttempts: 3 },
});
const finish = wf.defineSignal('finish');
const adjust = wf.defineUpdate('adjust');

exports.answer = async function answer(question) {
  const passages = await search(question);
  await search(question);
  return `${passages[0]}.`;
};

exports.pays = async function pays(amount) {
  return charge(amount);
};

exports.fails = async function fails() {
  await refuse();
};

exports.locals = async function locals() {
  const first = await quick('a');
  const second = await stumble();
  await refuseHere().catch(() => {});
  return [first, second];
};

exports.child = async function child(n) {
  if (n < 0) throw wf.ApplicationFailure.nonRetryable('negative', 'Negative');
  return n + 1;
};

exports.parent = async function parent() {
  const n = await wf.executeChild(exports.child, { args: [1], workflowId: `${wf.workflowInfo().workflowId}/good` });
  await wf.executeChild(exports.child, { args: [-1], workflowId: `${wf.workflowInfo().workflowId}/bad` }).catch(() => {});
  return n;
};

exports.talks = async function talks() {
  let done = false;
  wf.setHandler(finish, () => { done = true; });
  wf.setHandler(adjust, (by) => {
    if (by < 0) throw wf.ApplicationFailure.nonRetryable('never down', 'Down');
    return by + 1;
  });
  await Promise.race([wf.sleep('1 hour'), wf.condition(() => done)]);
  await wf.sleep(5);
  wf.patched('talks-more');
  wf.upsertMemo({ stage: 'late' });
  return 'bye';
};

exports.continues = async function continues(n) {
  if (n > 0) await wf.continueAsNew(n - 1);
  return n;
};

exports.waits = async function waits() {
  await wf.condition(() => false);
};

exports.times = async function times() {
  await slow().catch(() => {});
  await wf.sleep(1);
  return 'slow';
};
