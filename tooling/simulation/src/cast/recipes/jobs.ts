/** A queue: some put, some take, some fail, and what was done is witnessed in the transaction of its end. */
import { isCorralError, op, text } from "@corral/client";
import { type Job, queue } from "@corral/recipes";
import { between, type Draw } from "@corral/testing/world";
import { ROOT } from "./company.ts";
import { note } from "./holding.ts";
import { allowed, type Member, type Use } from "./member.ts";

export const QUEUE: string = `${ROOT}/queue`;
export const WITNESSES: string = `${ROOT}/witnesses`;
const ATTEMPTS_MAX = 2;
const VISIBILITY_MS = 3_000;
const DEPTH_MAX = 30;
/** Few, so that the same job is put again. */
const IDS = 12;
/** For so long an id that was done is known. */
const DEDUPE_MS = 20_000;
/** A queue without a job for so long is empty. */
const EMPTY_MS = 3_000;

export function jobs(member: Member): Use {
  const { client, company } = member;
  const { book } = company;
  const work = queue(client, QUEUE, {
    codec: text,
    depthMax: DEPTH_MAX,
    attemptsMax: ATTEMPTS_MAX,
    visibilityMs: VISIBILITY_MS,
    identity: member.name,
  });

  const put = async (draw: Draw): Promise<void> => {
    const id = `job${between(draw, 1, IDS)}`;
    const priority = between(draw, 3, 5);
    const delayMs = draw() < 0.2 ? between(draw, 1, 3_000) : 0;
    const dedupeMs = draw() < 0.5 ? DEDUPE_MS : 0;
    await member.ask(book.puts, QUEUE, { id }, async () => {
      const { isNew } = await work.put(id, { id, priority, delayMs, dedupeMs });
      return isNew;
    });
  };

  const ack = async (job: Job<string>): Promise<void> => {
    const { id, token } = job;
    try {
      await member.ask(book.acks, QUEUE, { id, token }, async () => {
        const witness = op.create(`${WITNESSES}/${id}-`, null, { sequential: true });
        await job.ack({ operations: [witness], timeoutMs: Infinity });
        return true as const;
      });
    } catch (error) {
      if (isCorralError(error, "GUARD_FAILED")) company.mark("recipes: an acknowledgement was refused");
      throw error;
    }
  };

  const take = async (draw: Draw, timeoutMs: number, mayFail: boolean): Promise<void> => {
    await using job = await work.takeOne({ timeoutMs });
    note(member, "job", job);
    if (job.value !== job.id) member.violate(`job ${job.id} has the value ${job.value}`);
    if (job.attempt > 1) company.mark("recipes: a job was given again");
    if (company.mistake === "drops-jobs" && draw() < 0.5)
      return void (await client.delete(`${QUEUE}/items/${job.priority}/j-${job.id}`, { missing: "ok" }));
    if (!mayFail) return await ack(job);
    const chance = draw();
    // Some work takes longer than it may.
    await member.pause(chance < 0.05 ? 2 * VISIBILITY_MS : chance * 600);
    if (chance < 0.35) {
      await job.nack({ delayMs: draw() < 0.5 ? between(draw, 1, 1_000) : 0, reason: "for a test" });
      if (job.attempt >= ATTEMPTS_MAX) company.mark("recipes: a job was given up");
    } else if (chance < 0.45) job.extend(VISIBILITY_MS);
    else if (chance > 0.9) return;
    await ack(job);
  };

  /** As an operator does with a job whose holder hangs: that one is to be refused. */
  const takeAway = async (): Promise<void> => {
    const [name] = (await allowed(client.children(`${QUEUE}/claims`), "NO_NODE")) ?? [];
    if (name !== undefined) await client.delete(`${QUEUE}/claims/${name}`, { missing: "ok" });
  };

  return {
    async step(draw) {
      const kind = draw();
      if (kind < 0.45) return put(draw);
      if (kind < 0.9) return take(draw, between(draw, 200, 4_000), true);
      if (kind < 0.96) return takeAway();
      for await (const letter of work.dead.list()) {
        if (draw() < 0.5) await work.dead.redrive({ only: ({ czxid }) => czxid === letter.czxid });
        else await work.dead.discard(letter);
        return;
      }
    },
    // All that is there is done.
    async finish() {
      for (let taken = 0; taken <= DEPTH_MAX; taken++) {
        try {
          await take(() => 1, EMPTY_MS, false);
        } catch (error) {
          if (isCorralError(error, "TIMEOUT") && (await work.depth({ consistency: "linearizable" })) === 0) return;
          if (!isCorralError(error, "TIMEOUT")) throw error;
        }
      }
    },
  };
}
