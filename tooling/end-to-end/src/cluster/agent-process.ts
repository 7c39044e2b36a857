/** One broker-agent in a process of its own: keeps no data, says what it is told. */
import { type Leading, startBroker } from "@corral/broker-agent";
import { connect } from "@corral/client";
import { DyingTransport } from "./dying-transport.ts";
import { type AgentEvent, type AgentOrder, nowMs, type ToAgent } from "./words.ts";

const FETCH_EVERY_MS = 50;

const order = JSON.parse(process.argv[2]!) as AgentOrder;
let isController = false;
const leading = new Map<string, Leading>();

function tell(event: AgentEvent): void {
  process.send!(event);
}

const failed = (error: unknown): void => tell({ told: "error", why: String(error) });

async function run(): Promise<void> {
  const transport = new DyingTransport(order.dieAtWrite, order.dieWhen, () => isController);
  const client = await connect({ servers: [order.url], session: { timeoutMs: order.sessionTimeoutMs }, transport });
  const agent = await startBroker(client, {
    cluster: order.cluster,
    id: order.id,
    endpoints: [{ name: "clients", host: "127.0.0.1", port: 20_000 + order.id }],
    canBeController: order.canBeController,
    startAs: order.startAs,
    onDuplicate: "wait",
    timeoutMs: 30_000,
    host: {
      lead(part) {
        const { topic, partition } = part.id;
        leading.set(`${topic}/${partition}`, part);
        tell({ told: "lead", topic, partition, leaderEpoch: part.leaderEpoch, at: nowMs() });
      },
      follow({ id: { topic, partition }, leader = null, leaderEpoch }) {
        leading.delete(`${topic}/${partition}`);
        tell({ told: "follow", topic, partition, leader, leaderEpoch, at: nowMs() });
      },
      stop({ topic, partition }) {
        leading.delete(`${topic}/${partition}`);
        tell({ told: "stop", topic, partition, at: nowMs() });
      },
      configChanged({ entity, now = null, zxid }) {
        tell({ told: "config", entity, now, zxid, at: nowMs() });
      },
      controllerChanged(controller) {
        isController = controller?.isMe === true;
        tell({ told: "controller", isMe: isController, epoch: controller?.epoch ?? 0, at: nowMs() });
      },
      onError: failed,
    },
  });
  process.on("message", (message: ToAgent) => {
    if (message.ask === "end") process.exit(0);
    else if (message.ask === "state") {
      tell({
        told: "state",
        serial: message.serial,
        isValid: agent.isValid,
        writes: transport.writes,
        leads: [...leading.values()].map(({ id, leaderEpoch, isValid, highWatermark }) => ({
          topic: id.topic,
          partition: id.partition,
          leaderEpoch,
          isValid,
          highWatermark,
        })),
      });
    } else {
      const part = leading.get(`${message.topic}/${message.partition}`);
      if (message.ask === "appended") part?.appended(message.offset);
      else part?.fetched(message.follower, message.offset, message.epoch);
    }
  });
  if (order.areFollowersComplete) {
    setInterval(() => {
      for (const part of leading.values()) {
        part.appended(1);
        for (const id of part.state.replicas) {
          const epoch = agent.image.broker(id)?.epoch;
          if (id !== order.id && epoch !== undefined) part.fetched(id, 1, epoch);
        }
      }
    }, FETCH_EVERY_MS);
  }
  tell({ told: "started", epoch: agent.epoch ?? 0, at: nowMs() });
}

process.on("disconnect", () => process.exit(0));
run().catch((error: unknown) => {
  failed(error);
  process.exitCode = 1;
});
