/** `corral brokers`: who is registered, who is controller, and who keeps replicas and is not there. */
import type { BrokerDescription, ClusterAdmin, ClusterDescription } from "@corral/broker-agent";
import type { Command } from "../command.ts";
import { wholeNumber } from "../values.ts";
import { CLUSTER_FLAGS, WATCH_FLAG } from "./flags.ts";
import { showCluster } from "./live.ts";
import { withCluster } from "./open.ts";
import { refused } from "./refused.ts";
import { cell, list, type Row } from "./table.ts";

const COLUMNS = ["ID", "STATUS", "RACK", "ENDPOINTS", "LEADS", "REPLICAS", "EPOCH"];

async function rowsOf(admin: ClusterAdmin): Promise<Row[]> {
  const { brokers, missingBrokers, controller } = await admin.describeCluster();
  const present = brokers.map((broker) => rowOf(broker, controller));
  const missing = missingBrokers.map((id) => ({
    key: String(id),
    object: { id, status: "missing" },
    cells: [String(id), "missing", "-", "-", "-", "-", "-"],
  }));
  return [...present, ...missing].toSorted((a, b) => Number(a.key) - Number(b.key));
}

function rowOf(broker: BrokerDescription, controller: ClusterDescription["controller"]): Row {
  const { id, status, rack, leads, replicas, epoch } = broker;
  const isController = controller?.broker === id;
  return {
    key: String(id),
    object: { ...broker, isController },
    cells: [
      String(id),
      isController ? `${status}, controller` : status,
      cell(rack),
      endpointsText(broker),
      String(leads),
      String(replicas),
      String(epoch),
    ],
  };
}

const endpointsText = ({ endpoints }: BrokerDescription): string =>
  list(endpoints.map(({ name, host, port }) => `${name}=${host}:${port}`));

const brokersList: Command = {
  name: "list",
  usage: "",
  summary: "every broker; `missing`: keeps replicas, and is not registered",
  flags: { watch: WATCH_FLAG, ...CLUSTER_FLAGS },
  run: (call) =>
    withCluster(call, (admin) =>
      showCluster(call, admin, {
        columns: COLUMNS,
        rows: () => rowsOf(admin),
      }),
    ),
};

const describe: Command = {
  name: "describe",
  usage: "ID",
  summary: "one broker, with its features and failed replicas",
  flags: CLUSTER_FLAGS,
  async run(call) {
    const id = wholeNumber("ID", call.args[0]!);
    await withCluster(call, async (admin) => {
      const { brokers, missingBrokers, controller } = await admin.describeCluster();
      const broker = brokers.find((one) => one.id === id);
      if (broker === undefined) {
        const missing = missingBrokers.includes(id) ? ", though it keeps replicas" : "";
        throw await refused("UNKNOWN_BROKER", "describe", `broker ${id} is not registered${missing}`);
      }
      const object = { ...broker, isController: controller?.broker === id };
      call.output.item(object, () =>
        Object.entries({ ...object, endpoints: endpointsText(broker), rack: cell(broker.rack) })
          .map(([name, value]) => `${name.padEnd(14)}${typeof value === "object" ? JSON.stringify(value) : value}`)
          .join("\n"),
      );
    });
  },
};

const unregister: Command = {
  name: "unregister",
  usage: "ID",
  summary: "takes a broker that is not coming back out of the cluster",
  flags: {
    force: { type: "boolean", help: "although it keeps replicas" },
    ...CLUSTER_FLAGS,
  },
  async run(call) {
    const id = wholeNumber("ID", call.args[0]!);
    await withCluster(call, async (admin) => {
      await admin.unregisterBroker(id, { force: call.flags.has("force") });
      call.output.item({ id, unregistered: true }, () => `unregistered ${id}`);
    });
  },
};

export const BROKERS: readonly Command[] = [brokersList, describe, unregister];
