// Requests to the simulator. Addresses are relative: the page's own address holds the token.

export class Refused extends Error {}

async function sent(path, options) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Refused("The simulator does not answer: has it ended?");
  }
  if (answer.ok) return answer;
  let problem = `The simulator answered ${answer.status}.`;
  try {
    problem = (await answer.json()).problem ?? problem;
  } catch {
    // no JSON: the status says enough
  }
  throw new Refused(problem);
}

export function post(path, body) {
  return sent(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

export function postPicture(path, jpeg) {
  return sent(path, { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: jpeg });
}

// The lines of a long answer as they come; blank ones only say that it goes on.
export async function postForLines(path, body, told, signal) {
  const answer = await sent(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
  });
  if (!answer.body || answer.status === 204) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch {
      throw new Refused("The simulator does not answer any more: has it ended?");
    }
    if (part.done) return;
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) told(JSON.parse(line));
  }
}

export async function about() {
  return (await sent("about", {})).json();
}
