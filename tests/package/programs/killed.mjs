// A till that takes a lease, prints the save that it is about to send, and sends nothing any more: it waits to be killed.
//
//   node killed.mjs URL KEY OTHER "transact" | "save"
import { init, openTill, profiles, rest } from "restamp";

const [url, key, other, what] = process.argv.slice(2);
await init();
const stops = async (address, options) => {
  if (options.method !== "PUT" && !String(address).endsWith("_commit")) return fetch(address, options);
  const { method, headers, body } = options;
  console.log(JSON.stringify({ address: String(address), method, headers: Object.fromEntries(new Headers(headers)), body: new TextDecoder().decode(body) }));
  return new Promise(() => setInterval(() => {}, 1_000));
};
const backend = rest({ url, path: "/rest/wallets", offers: ["transactions", "leases", "tokens"], fetch: stops });
const till = await openTill({ backend, profile: profiles.plain, till: "killed", user: "killed", store: "memory", strategy: "pessimistic", lease: { ttl: 2_000 } });
if (what === "transact") {
  await till.transfer(key, other, "1");
} else {
  const draft = await till.open(key);
  draft.set("balance", "0");
  await draft.save();
}
