/** A cluster of three brokers in this process, which keep no data: whoever follows has at once what its leader has. */
import { type BrokerAgent, type BrokerHost, startBroker } from "@corral/broker-agent";
import { type Client, connect } from "@corral/client";

export interface TestBroker {
  readonly agent: BrokerAgent;
  readonly client: Client;
}

export async function startBrokers(url: string, cluster: string, ids: readonly number[]): Promise<TestBroker[]> {
  const brokers: TestBroker[] = [];
  for (const id of ids) {
    const client = await connect({ servers: [url], session: { timeoutMs: 30_000 } });
    brokers.push({ client, agent: await startOne(client, cluster, id) });
  }
  return brokers;
}

async function startOne(client: Client, cluster: string, id: number): Promise<BrokerAgent> {
  const leading = new Map<string, Parameters<BrokerHost["lead"]>[0]>();
  const host: BrokerHost = {
    lead: (part) => {
      leading.set(`${part.id.topicId}/${part.id.partition}`, part);
      part.appended(0);
    },
    follow: () => {},
    stop: () => {},
  };
  const agent = await startBroker(client, {
    cluster,
    id,
    endpoints: [{ name: "clients", host: "127.0.0.1", port: 9_000 + id }],
    host,
  });
  const fetchAll = (): void => {
    for (const part of leading.values()) {
      if (part.signal.aborted) continue;
      for (const follower of part.state.replicas) {
        const epoch = agent.image.broker(follower)?.epoch;
        if (follower !== id && epoch !== undefined) part.fetched(follower, 0, epoch);
      }
    }
  };
  const timer = setInterval(fetchAll, 20);
  agent.signal.addEventListener("abort", () => {
    clearInterval(timer);
  });
  return agent;
}

export async function stopBrokers(brokers: readonly TestBroker[]): Promise<void> {
  for (const { agent, client } of brokers) {
    await agent.shutdown({ drain: false });
    await client.close();
  }
}
