// A till's network, as bad as its buttons say. The reference server makes the faults itself when
// a request asks for one (X-Fault); only "offline" happens here.
//
// Start the server with --no-keep-alive, as scripts/demo.sh does: a browser quietly resends a
// request when a reused connection dies under it, and no answer would be lost.

const faults = { slow: "delay=2000", busy: "503=1" };

export function createNetwork() {
  const network = {
    /** "normal", "slow", "busy" or "offline". */
    mode: "normal",
    /** The answer to the next save is lost. */
    losesNextAnswer: false,
    fetch: (input, init) => send(network, new Request(input, init)),
  };
  return network;
}

async function send(network, request) {
  // What fetch() itself throws without a network.
  if (network.mode === "offline") throw new TypeError("Failed to fetch");
  const asked = [];
  if (faults[network.mode]) asked.push(faults[network.mode]);
  if (network.losesNextAnswer && request.method !== "GET") {
    network.losesNextAnswer = false;
    network.onchange?.();
    asked.push("lost-answer");
  }
  if (asked.length > 0) request.headers.set("X-Fault", asked.join(","));
  return fetch(request);
}
