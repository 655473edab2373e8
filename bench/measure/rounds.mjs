// Interleaved rounds: every contestant once a round, in another order each time, so that a slow minute of the machine or a
// collection of somebody else's garbage hits all alike; then medians.

/** `clock()` in ms; `overhead`: what reading it twice costs. */
export async function measureCase({ contestants, job, profile, wrong, clock, overhead = 0, patience, describe }) {
  const runners = [];
  for (const contestant of contestants) {
    if (!(contestant.runs?.(describe) ?? true)) continue;
    runners.push(await started(contestant, job, profile, wrong, patience));
  }
  const able = runners.filter((runner) => runner.problem === undefined);
  for (const runner of able) warm(runner, patience);
  for (let round = 0; round < patience.rounds; round++) {
    for (let turn = 0; turn < able.length; turn++) {
      const runner = able[(turn + round) % able.length];
      // The slow take part in fewer rounds, spread over all of them.
      if (round % runner.every !== 0) continue;
      const from = clock();
      for (let time = 0; time < runner.batch; time++) runner.run();
      runner.samples.push((clock() - from - overhead) / runner.batch);
    }
    await breathe();
  }
  return Object.fromEntries(runners.map((runner) => [runner.contestant.name, resultOf(runner)]));
}

async function started(contestant, job, profile, wrong, patience) {
  const mine = { ops: job.ops, document: job.mine };
  const prepare = () => contestant.prepare(job.base, mine, profile);
  const merge = () => contestant.merge(job.theirs);
  const run = job.cold ? () => { prepare(); return merge(); } : merge;
  const runner = { contestant, run, samples: [], every: 1, batch: 1 };
  try {
    await contestant.load?.();
    prepare();
    const from = performance.now();
    const bytes = run();
    runner.first = performance.now() - from;
    if (contestant.kind !== "does not merge") runner.wrong = wrong(job.expected, bytes);
    if (runner.first > patience.longest) runner.problem = `too slow: ${(runner.first / 1000).toFixed(1)} s`;
  } catch (error) {
    runner.problem = `fails: ${error.message ?? error}`.slice(0, 120);
  }
  return runner;
}

/** Until the engine has compiled what is hot; then the number of merges that a sample needs to be long enough. */
function warm(runner, { warmUp, sample, rounds, budget }) {
  const times = [];
  const until = performance.now() + warmUp;
  do {
    const from = performance.now();
    runner.run();
    times.push(performance.now() - from);
  } while (performance.now() < until || times.length < 3);
  const usual = Math.max(median(times.slice(-20)), 1e-4);
  runner.batch = Math.max(1, Math.ceil(sample / usual));
  const affordable = Math.max(3, Math.floor(budget / (usual * runner.batch)));
  runner.every = Math.max(1, Math.ceil(rounds / affordable));
}

function resultOf({ contestant, samples, batch, wrong, problem, first }) {
  const sorted = [...samples].sort((a, b) => a - b);
  const part = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return {
    kind: contestant.kind,
    ...(problem === undefined
      ? { ms: median(sorted), low: part(0.1), high: part(0.9), samples: samples.length, batch }
      : { problem }),
    first,
    ...(wrong ? { wrong } : {}),
  };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const breathe = () => new Promise((resolve) => { setTimeout(resolve, 0); });
