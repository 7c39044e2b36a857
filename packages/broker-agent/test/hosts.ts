/**
 * Hosts for tests of agents: they keep what they are told, as lines and as parts, and do nothing else.
 *
 * Owns no check: what is to be told is what tests say.
 */
import type { Client } from "@corral/client";
import type { TestServer } from "@corral/testing";
import { startBroker } from "../src/broker-agent.ts";
import type { BrokerAgent, BrokerAgentOptions, BrokerHost, Following, Leading, PartitionId } from "../src/host/api.ts";

export const CLUSTER = "test";
/** Of brokers, milliseconds. */
export const SESSION_MS = 6_000;

export class Host implements BrokerHost {
  /** `lead orders-0 @5`, `follow orders-0 1@5`, `stop orders-0 delete`, `doubt`, … */
  readonly lines: string[] = [];
  readonly errors: { readonly error: unknown; readonly where: string }[] = [];
  readonly leading = new Map<string, Leading>();
  readonly following = new Map<string, Following>();
  readonly configs: string[] = [];
  readonly controllers: (number | undefined)[] = [];

  lead(part: Leading): void {
    const name = nameOf(part.id);
    this.lines.push(`lead ${name} @${part.leaderEpoch}`);
    this.following.delete(name);
    this.leading.set(name, part);
  }

  follow(part: Following): void {
    const name = nameOf(part.id);
    this.lines.push(`follow ${name} ${part.leader ?? "nobody"}@${part.leaderEpoch}`);
    this.leading.delete(name);
    this.following.set(name, part);
  }

  stop(id: PartitionId, { deleteData }: { readonly deleteData: boolean }): void {
    const name = nameOf(id);
    this.lines.push(`stop ${name}${deleteData ? " delete" : ""}`);
    this.leading.delete(name);
    this.following.delete(name);
  }

  configChanged({ type, entity, before, now }: Parameters<NonNullable<BrokerHost["configChanged"]>>[0]): void {
    this.configs.push(`${type}/${entity} ${JSON.stringify(before ?? null)} -> ${JSON.stringify(now ?? null)}`);
  }

  controllerChanged(controller: { readonly broker: number } | undefined): void {
    this.controllers.push(controller?.broker);
  }

  doubt(): void {
    this.lines.push("doubt");
  }

  confirmed(): void {
    this.lines.push("confirmed");
  }

  lost(why: { readonly code: string }): void {
    this.lines.push(`lost ${why.code}`);
  }

  onError(error: unknown, where: string): void {
    this.errors.push({ error, where });
  }

  /** The leadership of this partition; throws if the host was not told of it. */
  part(name: string): Leading {
    const part = this.leading.get(name);
    if (part === undefined) throw new Error(`${name} is not led; told were: ${this.lines.join("; ")}`);
    return part;
  }

  /** What was told since the last time. */
  taken(): string[] {
    return this.lines.splice(0);
  }
}

function nameOf({ topic, partition }: PartitionId): string {
  return `${topic}-${partition}`;
}

export interface StartedBroker {
  readonly client: Client;
  readonly host: Host;
  readonly agent: BrokerAgent;
}

export type StartOptions = Partial<Omit<BrokerAgentOptions, "host">> & { readonly host?: Host };

/** A broker with a client of its own. */
export async function startOn(
  server: TestServer,
  id: number | "auto",
  options: StartOptions = {},
): Promise<StartedBroker> {
  const client = await server.connect({ session: { timeoutMs: SESSION_MS } });
  const host = options.host ?? new Host();
  const agent = await startBroker(client, {
    cluster: CLUSTER,
    id,
    endpoints: [{ name: "clients", host: `host-${id}`, port: 9092 }],
    ...options,
    host,
  });
  return { client, host, agent };
}
