// Every row of the tables, as JSON text, so that two engines can be compared to the letter.

export function table(restamp, { scenarios, exchanges }) {
  const { merge, classify, delay, profiles, schedules } = restamp;
  const row = (name, run) => {
    try {
      return [name, JSON.stringify(run())];
    } catch (error) {
      return [name, `${error.name} ${error.code}: ${error.message}`];
    }
  };
  const merges = scenarios.map(({ id, base, mine, theirs, inDoubt }) =>
    row(`merge ${id}`, () => merge(base, mine.doc ?? mine, theirs, profiles.salesInvoice, inDoubt && { inDoubt })));
  const texts = scenarios.map(({ id, base, mine, theirs }) =>
    row(`merge of texts ${id}`, () => merge(JSON.stringify(base), mine.doc ? JSON.stringify(mine.doc) : mine, theirs && JSON.stringify(theirs), profiles.salesInvoice)));
  const verdicts = exchanges.map(({ name, adapter, call, response }) => row(`classify ${name}`, () => classify(adapter, call, response)));
  const delays = Object.entries(schedules).flatMap(([name, schedule]) =>
    [2, 3, 4, 9, 40].flatMap((attempt) =>
      [0, 0.1, 0.5, 0.999999].map((random) => row(`delay ${name} ${attempt} ${random}`, () => [
        delay(schedule, attempt, random), delay(schedule, attempt, random, 700), delay(schedule, attempt, random, undefined, 5000),
      ]))));
  return [...merges, ...texts, ...verdicts, ...delays];
}
