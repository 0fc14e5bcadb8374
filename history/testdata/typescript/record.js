// node record.js ADDRESS NAMESPACE runs ten workflows on a server and says which: "run NAME WORKFLOW_ID RUN_ID".
const { Client, Connection } = require('@temporalio/client');
const { NativeConnection, Worker } = require('@temporalio/worker');
const { Context, ApplicationFailure } = require('@temporalio/activity');

const taskQueue = `typescript-${Date.now()}`;
const activities = {
  search: async (question) => [`about ${question}`, 'something else'],
  charge: async (amount) => {
    if (Context.current().info.attempt < 3) throw ApplicationFailure.create({ message: 'busy', type: 'CardBusy' });
    return { paid: amount, usage: { input_tokens: 10, output_tokens: 5 }, model: 'small' };
  },
  refuse: async () => { throw ApplicationFailure.nonRetryable('no', 'Refused', { code: 7 }); },
  hang: async () => {},
  slow: async () => { await new Promise((r) => { setTimeout(r, 1000); }); },
  quick: async (text) => `quick ${text}`,
  stumble: async () => {
    if (Context.current().info.attempt < 2) throw new Error('stumbled');
    return 'up';
  },
  refuseHere: async () => { throw ApplicationFailure.nonRetryable('not here', 'NotHere'); },
};

async function main() {
  const address = process.argv[2];
  const namespace = process.argv[3] ?? 'default';
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowsPath: require.resolve('./workflows'), activities });
  await worker.runUntil(async () => {
    const start = (name, args = [], more = {}) => client.workflow.start(name, { taskQueue, workflowId: `${taskQueue}-${name}-${more.as ?? ''}`, args, ...more });
    const runs = {
      answer: await start('answer', ['bonds']),
      pays: await start('pays', [42.5]),
      fails: await start('fails'),
      locals: await start('locals'),
      parent: await start('parent'),
      talks: await start('talks', [], { memo: { stage: 'early' } }),
      continues: await start('continues', [1]),
      canceled: await start('waits', [], { as: 'c' }),
      terminated: await start('waits', [], { as: 't' }),
      times: await start('times'),
    };
    await runs.talks.executeUpdate('adjust', { args: [1] });
    await runs.talks.executeUpdate('adjust', { args: [-1] }).catch(() => {});
    await runs.talks.signal('finish');
    await runs.canceled.cancel();
    await runs.terminated.terminate('enough');
    for (const [name, run] of Object.entries(runs)) {
      await run.result().catch(() => {});
      console.log(`run ${name} ${run.workflowId} ${run.firstExecutionRunId}`);
    }
  });
  await connection.close();
}

main().then(() => process.exit(0), (err) => { console.error(err); process.exit(1); });
