import { type ClusterAdmin, isAdminError } from "@corral/broker-agent";

/** `admin`: by `await clusterAdmin(client, { cluster: "shop" })`; here of three brokers. */
export async function example(admin: ClusterAdmin, log: (line: string) => void): Promise<void> {
  // Of one thing: what is refused is thrown. It resolves when clients can see the topic.
  await admin.createTopic({
    name: "orders",
    partitions: 4,
    replicationFactor: 2,
    configs: { "min.insync.replicas": "2" },
  });

  // Of several: each is done, or refused, by itself.
  for (const { name, error } of await admin.createTopics([{ name: "orders" }, { name: "payments" }])) {
    log(`${name}: ${error?.code ?? "made"}`);
  }

  try {
    await admin.deleteTopic("order");
  } catch (error) {
    if (!isAdminError(error, "UNKNOWN_TOPIC_OR_PARTITION")) throw error;
    log(error.message);
  }

  // Whoever may have to ask again, perhaps in another process, gives a key: it is done once.
  const retried = { key: "deployment-42", timeoutMs: 30_000 };
  await admin.createTopic({ name: "audit" }, retried);
  await admin.createTopic({ name: "audit" }, retried);

  // Replicas to brokers 1 and 2, away from 3. Back again: `admin.reassign(plan.before)`.
  const plan = admin.generatePlan({ brokers: [1, 2] });
  await admin.reassign(plan.reassignments);
  await admin.waitForReassignments();

  // What is shown is read from memory.
  const { brokers } = await admin.describeCluster();
  for (const { id, replicas } of brokers) log(`broker ${id} keeps ${replicas}`);
  const troubled = admin.describeTopics({ only: ["underReplicated", "unavailable"] });
  log(`${troubled.length} topics in trouble`);
}
