// Two gift cards: an amount moves from one to the other, or nothing happens.  node transfer.mjs [server]
import { openTill, rest } from "restamp";

const url = globalThis.process?.argv[2] ?? "";
const backend = rest({ url, path: "/rest/giftcards", offers: "all" });
const till = await openTill({ backend, till: "bar", user: "anna", store: "memory" });
const card = async (balance) => {
  const draft = await till.create({ balance });
  return (await draft.save()).key;
};
const [mine, yours] = [await card("20.00"), await card("5.00")];

const moved = await till.transfer(mine, yours, "12.50");
const refused = await till.transfer(mine, yours, "12.50");
const number = await till.sequence("receipt", { format: "R-####" });

console.log(moved.kind, (await till.open(mine)).get("balance"), (await till.open(yours)).get("balance"), refused.reason, refused.short, number);
await till.close();
