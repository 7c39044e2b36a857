/**
 * Produces numbered messages at a steady pace, and keeps a file of what it was about to send and of what was acknowledged: the truth that
 * everything else is checked against.
 */
import { BrokerClient } from "../client/broker-client.ts";
import { Producer } from "../client/producer.ts";
import { LinesWriter } from "../lines.ts";
import { Arguments } from "./arguments.ts";
import { aborted, endSignal, fail, tell } from "./life.ts";

/** Messages are given in bursts, so often, milliseconds. */
const BURST_MS = 20;
const STATUS_MS = 200;
/** At the end, for what is still on its way, milliseconds. */
const LAST_MS = 12_000;
/** Nothing new is produced while so many messages are not acknowledged. */
const OPEN_MAX = 20_000;

const given = new Arguments(["brokers", "topic", "partitions", "rate", "file"]);
const end = endSignal();

async function run(): Promise<void> {
  const client = new BrokerClient(given.addresses("brokers"));
  const producer = new Producer(client, given.text("topic"));
  const partitions = given.whole("partitions");
  const file = new LinesWriter(given.text("file"));
  let [produced, acknowledged] = [0, 0];
  const open = new Set<Promise<void>>();

  const produce = (): void => {
    const id = `${producer.id.toString(36)}-${produced}`;
    const partition = produced % partitions;
    file.append({ sent: id, partition });
    produced += 1;
    const sending = producer.send(partition, Buffer.from(id)).then(
      ({ offset }) => {
        file.append({ acknowledged: id, partition, offset });
        acknowledged += 1;
      },
      (error: unknown) => {
        // At the end, nobody knows of the last ones. Before it, a producer that cannot go on has met a loss.
        if (!end.aborted) fail(error);
      },
    );
    open.add(sending);
    void sending.then(() => open.delete(sending));
  };

  const rate = given.whole("rate");
  const from = performance.now();
  const status = setInterval(() => {
    tell("status", { produced, acknowledged });
  }, STATUS_MS);
  const pace = setInterval(() => {
    const due = ((performance.now() - from) / 1_000) * rate;
    while (produced < due && open.size < OPEN_MAX) produce();
  }, BURST_MS);
  tell("ready");

  await aborted(end);
  clearInterval(pace);
  const timer = setTimeout(() => {
    producer.stop();
  }, LAST_MS);
  await Promise.all(open);
  clearTimeout(timer);
  clearInterval(status);
  tell("status", { produced, acknowledged });
  client.close();
  file.close();
  process.exit(0);
}

run().catch(fail);
