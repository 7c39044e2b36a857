import { type Value, errorName } from "@corral/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Model } from "./model.ts";
import { BOB, Life, SMALL_OPTIONS, type Step, identitiesOf, steps } from "./steps.ts";
import { type Answer, World, printTree } from "./world.ts";

/** Codes of a multiEach by name, so that both sides print alike. */
function results(answer: Answer, isEach: boolean): unknown {
  if (!isEach || answer.code !== "OK") return answer.result;
  return [
    (answer.result[0] as readonly Value[][]).map(([code, ...rest]) =>
      code === 0 ? ["OK", ...rest] : [errorName(code as number)],
    ),
  ];
}

/** Lives a step in both, and compares what the asker is told. */
function both(life: Life, model: Model, step: Step): void {
  const { world } = life;
  const session = "who" in step ? life.sessions[step.who]! : 0;
  const due = step.kind === "reap" ? world.state.tree.reapable.due(world.timeMs, 1000) : [];
  const reaped = due.map((slot) => ({ path: world.state.tree.path(slot), czxid: world.state.tree.czxid(slot) }));
  const first = world.zxid + 1;
  const answer = life.live(step);
  model.zxid = first;
  model.timeMs = world.timeMs;
  if (step.kind === "write") {
    const expected = model.do(session, step.body, step.guards);
    expect({ code: answer!.code, index: answer!.detail.index, result: results(answer!, step.body.op === 200) }).toEqual(
      {
        index: undefined,
        ...expected,
      },
    );
  }
  if (step.kind === "expire") model.close(session);
  if (step.kind === "addAuth" && !model.sessions.get(session)!.some(({ id }) => id === BOB.id))
    model.sessions.get(session)!.push(BOB);
  for (const { path, czxid } of reaped) {
    model.reap(path, czxid);
    model.zxid++;
  }
  if ("who" in step && life.sessions[step.who] !== session)
    model.sessions.set(life.sessions[step.who]!, identitiesOf(step.who));
}

function compareTrees(life: Life, model: Model): void {
  const printed = printTree(life.world.state);
  const paths = Object.keys(printed).filter((key) => key.startsWith("/"));
  expect(paths.sort()).toEqual([...model.nodes.keys()].sort());
  for (const path of paths) {
    const node = model.nodes.get(path)!;
    const children = (printed[path] as { children: string[] }).children;
    expect(printed[path]).toMatchObject({
      stat: model.stat(path),
      data: node.data === null ? null : Buffer.from(node.data).toString("hex"),
      acl: node.acl,
      ttlMs: node.ttlMs,
      descendants: model.within(path).length - 1,
      found: true,
    });
    expect(children.map((name) => (path === "/" ? `/${name}` : `${path}/${name}`)).sort()).toEqual(
      model.children(path).sort(),
    );
  }
}

test("answers, Stats and the tree are those of the plain model, whatever the sequence of operations", () => {
  fc.assert(
    fc.property(steps(60), (sequence) => {
      const life = new Life(new World());
      const model = new Model(SMALL_OPTIONS);
      life.sessions.forEach((session, who) => model.sessions.set(session, identitiesOf(who)));
      for (const step of sequence) both(life, model, step);
      compareTrees(life, model);
    }),
    { numRuns: 250 },
  );
});

test("the random sequences meet every refusal that a write can get", () => {
  const met = new Set<string>();
  const life = new Life();
  for (const step of fc.sample(steps(60), { numRuns: 150, seed: 7 }).flat()) {
    const answer = life.live(step);
    if (answer?.code !== undefined) met.add(answer.code);
  }
  expect([...met].sort()).toEqual([
    "BAD_ARGUMENTS",
    "BAD_VERSION",
    "GUARD_FAILED",
    "INVALID_ACL",
    "LIMIT_EXCEEDED",
    "NODE_EXISTS",
    "NOT_EMPTY",
    "NO_AUTH",
    "NO_CHILDREN_FOR_EPHEMERALS",
    "NO_NODE",
    "OK",
    "QUOTA_EXCEEDED",
  ]);
});
