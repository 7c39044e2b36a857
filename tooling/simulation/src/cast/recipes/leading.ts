/** Elections, with those who only look on; and a job that whoever leads does every so often. */
import { isCorralError } from "@corral/client";
import { election, type Leader, type Leadership, periodicJob, type PeriodicJob } from "@corral/recipes";
import { between, type Draw } from "@corral/testing/world";
import type { Following } from "../../check/recipes/book.ts";
import { leaderText } from "../../check/recipes/elections.ts";
import { ROOT } from "./company.ts";
import { note, work } from "./holding.ts";
import type { Member, Use } from "./member.ts";

export const ELECTION: string = `${ROOT}/election`;
export const PERIODIC: string = `${ROOT}/periodic`;
export const EVERY_MS = 1_500;
/** One who was told to stop ends soon. */
const GRACE_MS = 60_000;
const TERM_MS = 2_500;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

const textOf = (leader: Leader | undefined): string =>
  leader === undefined
    ? "nobody"
    : leaderText(leader.term, leader.value === undefined ? undefined : fromUtf8.decode(leader.value));

export function elections(member: Member): Use {
  const { client, company, process } = member;
  const { book } = company;
  const contest = election(client, ELECTION, { identity: member.name });
  const stop = new AbortController();
  let said = 0;
  /** By one who looks on. */
  let observed: Following | undefined;

  const lead = async (leadership: Leadership, draw: Draw): Promise<void> => {
    note(member, "term", leadership);
    for (let i = between(draw, 0, 2); i > 0; i--) {
      await leadership.proclaim(utf8.encode(`${member.name}.${++said}`));
      await member.pause(between(draw, 0, TERM_MS / 4));
    }
    await work(member, leadership, draw, true);
  };

  const observe = async (): Promise<void> => {
    const following: Following = { who: `${member.name} observer ${++said}`, path: ELECTION, told: [] };
    book.followings.push(following);
    observed = following;
    let reconnects = client.stats().reconnects;
    try {
      for await (const leader of contest.observe({ signal: stop.signal })) {
        following.told.push({ what: textOf(leader), at: company.at });
        const now = client.stats().reconnects;
        if (now !== reconnects) company.mark("recipes: the leader changed while an observer was cut off");
        reconnects = now;
      }
    } catch (error) {
      observed = undefined;
      if (!isCorralError(error, "CLOSED", "LIMIT_EXCEEDED")) member.violate(`observing ended with ${String(error)}`);
    }
  };

  return {
    async step(draw) {
      const kind = draw();
      if (kind < 0.15) {
        if (observed === undefined) void observe();
      } else if (kind < 0.35) {
        await using leadership = await contest.campaign({ timeoutMs: between(draw, 500, 8_000) });
        await lead(leadership, draw);
      } else if (kind < 0.6) {
        const given = new AbortController();
        process.after(between(draw, 1_000, 6_000), "timer", () => given.abort());
        const callOff = company.whenCalm(() => given.abort());
        try {
          await contest.run(async (leadership) => lead(leadership, draw), {
            again: true,
            signal: given.signal,
            stopGraceMs: GRACE_MS,
          });
        } finally {
          callOff();
        }
      } else if (kind < 0.75) {
        const startAt = company.at;
        const leader = await contest.current({ consistency: "linearizable" });
        book.followings.push({
          who: `${member.name} asked at ${startAt}`,
          path: ELECTION,
          told: [{ what: textOf(leader), at: company.at }],
        });
      } else if (kind < 0.85) await contest.requestRevoke("for a test");
      else {
        const [leader] = await contest.candidates();
        if (leader !== undefined) await contest.evict(leader.token);
      }
    },
    async finish() {
      await using leadership = await contest.campaign();
      note(member, "term", leadership);
    },
    // Everybody has resigned.
    look() {
      const last = observed?.told.at(-1)?.what ?? "nobody";
      if (last !== "nobody") member.violate(`at rest nobody leads, and an observer was told of ${last}`);
    },
    async leave() {
      stop.abort();
    },
  };
}

export function periodicJobs(member: Member): Use {
  const { client, company } = member;
  let job: PeriodicJob | undefined;
  const begin = (): PeriodicJob =>
    periodicJob(client, PERIODIC, {
      identity: member.name,
      everyMs: EVERY_MS,
      stopGraceMs: GRACE_MS,
      run: async ({ leadership, at, signal }) => {
        const { runs } = company.book;
        const before = runs.at(-1);
        if (before !== undefined && before.who !== member.name)
          company.mark("recipes: a periodic job was run by another than before");
        runs.push({ who: member.name, path: PERIODIC, term: leadership.term, timeMs: at });
        await member.pause(EVERY_MS / 10);
        signal.throwIfAborted();
      },
      onError: (error) => {
        if (!isCorralError(error, "CLOSED", "LIMIT_EXCEEDED", "OVERLOADED"))
          member.violate(`a periodic job ended with ${String(error)}`);
      },
    });
  const end = async (): Promise<void> => {
    const ending = job?.stop();
    job = undefined;
    await ending;
  };
  return {
    async step(draw) {
      if (job === undefined) job = begin();
      else if (draw() < 0.1) await end();
      else await job.last();
    },
    finish: end,
  };
}
