// Times in ms. `sample`: the least length of one, far above the resolution of every clock; `budget`: how long one contestant may
// be measured in one case; `longest`: a merge that takes longer is not measured.
export const full = { rounds: 41, warmUp: 400, sample: 3, budget: 4000, longest: 4000 };
export const quick = { rounds: 9, warmUp: 100, sample: 2, budget: 500, longest: 2000 };
