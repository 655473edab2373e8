// Processor time of this thread alone: neither other processes on the machine count, nor the engine's helper threads (garbage
// collection and compilation in the background), which is in favour of the contestants that make garbage.
import { openSync, readSync } from "node:fs";
import { median } from "./rounds.mjs";

export function nodeClock() {
  const { clock, name } = choose();
  const empty = Array.from({ length: 101 }, () => {
    const from = clock();
    return clock() - from;
  });
  return { clock, name, overhead: median(empty) };
}

function choose() {
  if (process.threadCpuUsage) {
    const clock = () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    };
    return { clock, name: "processor time of the thread (process.threadCpuUsage)" };
  }
  try {
    return { clock: schedstat(), name: "processor time of the thread (Linux schedstat)" };
  } catch {
    return { clock: () => performance.now(), name: "time passed (performance.now)" };
  }
}

/** The kernel brings the figure up to date when the thread is put to sleep: a wait of almost nothing does that. */
function schedstat() {
  const file = openSync("/proc/thread-self/schedstat");
  const text = Buffer.alloc(96);
  const never = new Int32Array(new SharedArrayBuffer(4));
  const clock = () => {
    Atomics.wait(never, 0, 0, 0.02);
    const length = readSync(file, text, 0, text.length, 0);
    return Number(text.latin1Slice(0, Math.min(length, text.indexOf(32)))) / 1e6;
  };
  if (!(clock() > 0)) throw new Error("no schedstat");
  return clock;
}
