// Server-sent events over fetch: unlike EventSource it sends headers, and Node has it too.

/**
 * Reads a stream until it ends, is aborted, or is silent for `quiet` ms; never fails. `on(event, data, id)`; "open" with the first byte
 * of an answer that is a stream.
 */
export async function readEvents(fetch, url, headers, signal, quiet, on) {
  const own = new AbortController();
  const stop = () => own.abort();
  let timer;
  const hear = () => {
    clearTimeout(timer);
    timer = setTimeout(stop, quiet);
  };
  if (signal.aborted) return;
  signal.addEventListener("abort", stop);
  try {
    hear();
    const { ok, body } = await fetch(url, { headers, signal: own.signal, cache: "no-store" });
    if (!ok || !body) return;
    on("open", "", "");
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    let [event, data, id] = ["", [], ""];
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      hear();
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r/);
      rest = lines.pop();
      for (const line of lines) {
        const [, name, text] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (line === "") {
          if (event || data.length) on(event || "message", data.join("\n"), id);
          [event, data] = ["", []];
        } else if (name === "event") event = text;
        else if (name === "data") data.push(text);
        else if (name === "id") id = text;
      }
    }
  } catch {
    // A stream that breaks has ended.
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    stop();
  }
}
