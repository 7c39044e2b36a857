/** Faults of connections: broken, blocked, slow, or half there. */
import { isWrite, type Request } from "@corral/protocol";
import { between, type Direction, type Fate, type Frame, isReply, oneOf } from "@corral/testing/world";
import type { KindOf } from "../faults.ts";
import type { Strike, Strikes } from "./strike.ts";

const BOTH: readonly Direction[] = ["to-server", "from-server"];

/** The client that is struck, or all of them. */
const whom = ({ draw, inhabitant }: Strike): string => (draw() < 0.7 ? inhabitant.name : "all");

/** For so long at most; once, unless the fate is drawn for each. */
function fateOfNext({ network, lasting }: Strike, ms: number, fate: Fate, isIt: (frame: Frame) => boolean): void {
  const end = network.observe((frame) => {
    if (!isIt(frame)) return undefined;
    end();
    return fate;
  });
  lasting(ms, end);
}

function partition({ draw, network, lasting, long }: Strike, client: string): void {
  const ways = oneOf(draw, [["to-server"], ["from-server"], BOTH] as const);
  for (const way of ways) lasting(long, network.block(client, way));
}

const hasReply = (frame: Frame): boolean => frame.kind === "messages" && frame.messages.some(isReply);

export const NETWORK: Strikes<KindOf<"network">> = {
  cut: ({ network, inhabitant }) => {
    for (const link of network.linksOf(inhabitant.name)) link.cut();
  },
  "cut-all": ({ network }) => {
    for (const link of network.linksOf("all")) link.cut();
  },
  partition: (strike) => partition(strike, strike.inhabitant.name),
  "partition-all": (strike) => partition(strike, "all"),
  swizzle: ({ draw, fate, network, inhabitants, lasting, long }) => {
    for (const { name } of inhabitants.all) {
      const from = draw() * long;
      const freed = from + draw() * long;
      // Ended before it began, it does not begin.
      let isOver = false;
      let free = (): void => {};
      fate.after(from, "timer", () => {
        if (isOver) return;
        const frees = BOTH.map((way) => network.block(name, way));
        free = () => {
          for (const one of frees) one();
        };
      });
      lasting(freed, () => {
        isOver = true;
        free();
      });
    }
  },
  "drop-reply": ({ draw, network, lasting, long }) =>
    lasting(
      long,
      network.observe((frame) => (hasReply(frame) && draw() < 0.3 ? "lost" : undefined)),
    ),
  "drop-request": ({ draw, network, lasting, short }) =>
    lasting(
      short,
      network.observe((frame) => (frame.kind === "requests" && draw() < 0.3 ? "lost" : undefined)),
    ),
  "lose-write-reply": (strike) => {
    const asked = new Set<string>();
    fateOfNext(strike, strike.long, "lost", (frame) => {
      const { id } = frame.link;
      if (frame.kind === "requests")
        for (const message of frame.messages)
          if (message.xid !== 0 && isWrite(message as Request)) asked.add(`${id} ${message.xid}`);
      const isLost =
        frame.kind === "messages" &&
        frame.messages.some((message) => isReply(message) && message.code === 0 && asked.has(`${id} ${message.xid}`));
      if (isLost) strike.sometimes("the reply to a committed write was lost");
      return isLost;
    });
  },
  "delay-reply": ({ draw, network, lasting, short, long }) =>
    lasting(
      long,
      network.observe((frame) => (frame.from === "server" && draw() < 0.1 ? { delayMs: short } : undefined)),
    ),
  "stick-request": (strike) => fateOfNext(strike, strike.long, "stuck", (frame) => frame.kind === "requests"),
  "stick-reply": (strike) => fateOfNext(strike, strike.long, "stuck", hasReply),
  "stick-handshake": (strike) => {
    const side = strike.draw() < 0.5 ? "client" : "server";
    fateOfNext(strike, strike.long, "stuck", (frame) =>
      side === "client" ? frame.kind === "hello" : frame.kind === "messages" && frame.welcome !== undefined,
    );
  },
  refuse: (strike) => strike.lasting(strike.long, strike.network.shut(whom(strike), "refused")),
  hang: (strike) => {
    const client = whom(strike);
    strike.lasting(strike.long, strike.network.shut(client, "hung"));
    for (const link of strike.network.linksOf(client)) link.cut();
  },
  "half-open": ({ network, inhabitant }) => {
    for (const link of network.linksOf(inhabitant.name)) link.resetClient();
  },
  "slow-link": (strike) => {
    const bytesPerMs = oneOf(strike.draw, [5, 50, 500]);
    strike.lasting(between(strike.draw, 100, strike.long), strike.network.slow(whom(strike), bytesPerMs));
  },
};
