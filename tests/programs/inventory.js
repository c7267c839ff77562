// The inventory of a folder, by an agent in JavaScript: see docs/programs.md.

import { Session } from "session-fs:host/session-fs@0.1.0";

async function isDenied(attempt) {
  try {
    await attempt();
  } catch {
    return true;
  }
  return false;
}

export async function run(task) {
  const whom = task.arguments[0] ?? "nobody";
  const session = Session.current();
  const names = session.list("notes", undefined, 100).entries.map((entry) => entry.name);
  const lines = names.map((name) => `${name}: ${session.stat(`notes/${name}`).size} bytes\n`);
  session.mkdir("out");
  session.write("out/list.part", new TextEncoder().encode(lines.join("")));
  session.rename("out/list.part", "out/list.txt");
  session.remove("old.txt");
  const outside = () => session.write("../beside.txt", new Uint8Array());
  if (!(await isDenied(outside))) throw new Error("it is outside");
  const request = () => fetch("http://192.0.2.1/", { method: "POST", body: "notes" });
  if (!(await isDenied(request))) throw new Error("there is no network");
  if (whom === "fail") throw "told to";
  console.log(`${names.length} notes for ${whom}`);
  return { summary: "listed", details: [], report: undefined };
}
