import { expect, test } from "vitest";
import type { Asked, Hold } from "../src/check/recipes/book.ts";
import { checkJobs, type JobNotes } from "../src/check/recipes/jobs.ts";
import { creation, deletion, RecipeLog, ROOT } from "./recipes-log.ts";

const QUEUE = `${ROOT}/queue`;
const DONE = `${ROOT}/done`;
const item = (id: string): string => `${QUEUE}/items/5/j-${id}`;
const claim = (id: string): string => `${QUEUE}/claims/j-${id}`;

/** A queue as its users know it. */
class Work {
  readonly log = new RecipeLog();
  readonly notes: { puts: JobNotes["puts"][number][]; acks: JobNotes["acks"][number][]; holds: Hold[] } = {
    puts: [],
    acks: [],
    holds: [],
  };
  readonly a = this.log.open();
  readonly b = this.log.open();
  #witnesses = 0;

  constructor() {
    this.log.create(this.a, `${QUEUE}/claims`);
    this.log.create(this.a, DONE);
  }

  put(id: string): this {
    const startAt = this.log.zxid;
    this.log.create(this.a, item(id));
    this.notes.puts.push({ ...call({ id }), startAt, endAt: this.log.zxid, told: true, outcome: "ok" });
    return this;
  }

  take(id: string, session: number = this.a): number {
    const czxid = this.log.hold(session, claim(id));
    this.notes.holds.push({
      kind: "job",
      place: QUEUE,
      node: claim(id),
      czxid,
      token: czxid,
      holder: "r1",
      gotAt: czxid,
      validAt: 0,
      lateAt: undefined,
    });
    return czxid;
  }

  /** In the log. */
  end(id: string, session: number = this.a): this {
    const witness = creation(`${DONE}/${id}-${String(this.#witnesses++).padStart(10, "0")}`);
    this.log.multi(session, witness, deletion(item(id)), deletion(claim(id)));
    return this;
  }

  /** As it was told. */
  acked(id: string, token: number, outcome: Asked<unknown, true>["outcome"] = "ok", startAt = token): this {
    this.notes.acks.push({ ...call({ id, token }), startAt, endAt: this.log.zxid, told: true, outcome });
    return this;
  }

  get wrong(): string[] {
    return checkJobs(QUEUE, DONE, this.notes, this.log.tale);
  }
}

function call<A, T>(asked: A): Asked<A, T> {
  return { who: "r1", path: QUEUE, asked, startAt: 0, endAt: Infinity, told: undefined, outcome: "pending" };
}

const CASES: Readonly<Record<"illegal" | "legal", readonly (readonly [string, (work: Work) => unknown])[]>> = {
  illegal: [
    ["a job goes, neither done nor given up", (work) => work.put("x").log.delete(1, item("x"))],
    [
      "a job that was put is not there",
      (work) => void work.notes.puts.push({ ...call({ id: "x" }), endAt: 9, told: true, outcome: "ok" }),
    ],
    [
      "a job was put after its answer",
      (work) => {
        work.log.sync();
        work.notes.puts.push({ ...call({ id: "x" }), endAt: work.log.zxid, told: true, outcome: "ok" });
        work.log.create(1, item("x"));
      },
    ],
    ["a job is acknowledged, and is there still", (work) => work.put("x").acked("x", work.take("x"))],
    [
      "a job is acknowledged by one who had lost it",
      (work) => {
        work.put("x");
        const first = work.take("x");
        work.log.expire(work.a);
        work.take("x", work.b);
        work.end("x", work.b).acked("x", first);
      },
    ],
    [
      "an acknowledgement is refused, and done",
      (work) => {
        work.put("x");
        const token = work.take("x");
        work.end("x").acked("x", token, "no");
      },
    ],
    [
      "a job is acknowledged to two",
      (work) => {
        work.put("x");
        const token = work.take("x");
        work.end("x").acked("x", token).acked("x", token);
      },
    ],
    ["a job is said to be done that is there still", (work) => work.put("x").log.create(1, `${DONE}/x-0000000000`)],
    ["somebody has a job that is none", (work) => work.take("x")],
  ],
  legal: [
    ["nothing is put", () => {}],
    ["a job waits for ever", (work) => work.put("x")],
    [
      "a job is done",
      (work) => {
        work.put("x");
        const token = work.take("x");
        work.end("x").acked("x", token);
      },
    ],
    [
      "a job is done that nobody was told of",
      (work) => {
        work.put("x").take("x");
        work.end("x");
      },
    ],
    [
      "a job is taken by one who is lost, and done by the next; the first is refused",
      (work) => {
        work.put("x");
        const first = work.take("x");
        work.log.expire(work.a);
        const second = work.take("x", work.b);
        work.end("x", work.b).acked("x", second).acked("x", first, "no");
      },
    ],
    [
      "a job is given up",
      (work) => {
        work.put("x").take("x");
        work.log.multi(work.a, creation(`${QUEUE}/dead/letter-0000000000`), deletion(item("x")), deletion(claim("x")));
      },
    ],
    [
      "the same id is put again when it was done, and done again",
      (work) => {
        for (let i = 0; i < 2; i++) {
          work.put("x");
          const token = work.take("x");
          work.end("x").acked("x", token);
        }
      },
    ],
    [
      "an acknowledgement of which nobody knows the outcome is done",
      (work) => {
        work.put("x");
        const token = work.take("x");
        work.end("x").acked("x", token, "unknown");
      },
    ],
    [
      "a job whose putting nobody knows the outcome of is not there",
      (work) => void work.notes.puts.push({ ...call({ id: "x" }), outcome: "unknown" }),
    ],
    [
      "a job is given back",
      (work) => {
        work.put("x").take("x");
        work.log.delete(work.a, claim("x"));
      },
    ],
  ],
};
test.each(CASES.illegal)("illegal for a queue: %s", (_name, act) => {
  const work = new Work();
  act(work);
  expect(work.wrong.length).toBeGreaterThan(0);
});
test.each(CASES.legal)("legal for a queue: %s", (_name, act) => {
  const work = new Work();
  act(work);
  expect(work.wrong).toEqual([]);
});
