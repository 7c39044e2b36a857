/** Faults of processes and of the machines they run on, wall clocks among them; and what operators do. */
import { between, oneOf } from "@corral/testing/world";
import type { KindOf } from "../faults.ts";
import type { Strike, Strikes } from "./strike.ts";

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

export const PROCESSES: Strikes<KindOf<"process">> = {
  "stall-server": ({ draw, fate, host, short, sessions }) => {
    const ms = oneOf(draw, [short, short, between(draw, 400, 6_000)]);
    if (!host.isRunning) return;
    const isOver = sessions.serverStalls();
    host.process.stall(ms);
    fate.after(ms, "timer", isOver);
  },
  "stall-client": ({ draw, inhabitant, short, long }) => inhabitant.process.stall(oneOf(draw, [short, long])),
  "kill-client": ({ draw, fate, inhabitant, inhabitants, short, long, sessions, sometimes }) => {
    sessions.gone(inhabitant.name);
    sometimes("a program was killed and came back");
    inhabitants.kill(inhabitant, oneOf(draw, [0, short, long]), fate);
  },
  "sleep-client": ({ inhabitant, long }) => inhabitant.process.sleep(long),
  "sleep-server": ({ host, long, sleepServer }) => {
    if (host.isRunning) sleepServer(long);
  },
  "power-failure": ({ draw, host, short, long, lasting, restart }) => {
    const downMs = oneOf(draw, [0, short, long]);
    if (draw() < 0.4) return restart("power", downMs);
    // Between a write and its sync: what is written is on its way then.
    const end = host.diskFault((operation, name) => {
      if (operation !== "sync" || !name.startsWith("log-")) return;
      end();
      restart("power", downMs);
    });
    lasting(long, end);
  },
  kill: ({ draw, short, long, restart }) => restart("process", oneOf(draw, [0, short, long])),
  restart: ({ draw, short, restart }) => restart("stop", oneOf(draw, [0, short])),
};

/** Back or forward: a little, an hour, years. */
const jumpMs = ({ draw, short, long }: Strike, years: number): number =>
  oneOf(draw, [-HOUR_MS, -long, short, HOUR_MS, years * YEAR_MS, -years * YEAR_MS]);

export const CLOCKS: Strikes<KindOf<"clock">> = {
  "jump-client": (strike) => {
    strike.inhabitant.process.jumpWall(jumpMs(strike, between(strike.draw, 1, 10)));
  },
  "jump-server": (strike) => {
    // What programs keep for days, by the server's clock, is not to be over for them all at once.
    const years = strike.plan.casts.length === 1 ? between(strike.draw, 1, 10) : 0;
    const ms = jumpMs(strike, years);
    if (strike.host.isRunning) strike.host.process.jumpWall(ms);
  },
};

export const ORDERS: Strikes<KindOf<"order">> = {
  expire: ({ draw, host, sessions }) => {
    const living = host.isRunning ? Array.from(host.server.state.sessions.values(), ({ id }) => id) : [];
    if (living.length === 0) return;
    const session = oneOf(draw, living);
    sessions.ordered(session);
    host.server.expireSession(session);
  },
  "forget-history": ({ host }) => {
    if (host.isRunning) host.server.state.history.forgetUpTo(host.server.state.zxid);
  },
  checkpoint: ({ host }) => {
    if (host.isRunning) void host.server.checkpoint();
  },
};
