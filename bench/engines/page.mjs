// The benchmark as the page sees it; bundled by chromium.mjs, which calls `window.bench`.
import { measureDrafts } from "../measure/drafts.mjs";
import { describeContestants, restamp, runCase } from "./case.mjs";

const clock = () => performance.now();

window.bench = {
  isIsolated: () => window.crossOriginIsolated,
  contestants: describeContestants,
  runCase: (describe, patience) => runCase(describe, { clock, overhead: 0, patience }),
  drafts: (measure) => measureDrafts(restamp, { clock, overhead: 0 }, measure),
};
