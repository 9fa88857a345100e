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

export async function about() {
  return (await sent("about", {})).json();
}
