/** The duties of a controller, in the order in which they are asked: what keeps partitions available first, what only makes them even last. */
import { adminOperations } from "../admin/operations.ts";
import { mergeSchema } from "../config/schema.ts";
import type { MakeDuty } from "../controller/duty.ts";
import { drain } from "../controller/duties/drain.ts";
import { elections } from "../controller/duties/elections.ts";
import { preferred } from "../controller/duties/preferred.ts";
import { reassignments } from "../controller/duties/reassignments.ts";
import { rebalance } from "../controller/duties/rebalance.ts";
import { requestsDuty } from "../controller/duties/requests.ts";
import { topicsDuty } from "../controller/duties/topics.ts";
import type { BrokerAgentOptions } from "./api.ts";

/** RangeError for a schema that cannot be. */
export function dutiesOf({ schema = {}, policy }: Pick<BrokerAgentOptions, "schema" | "policy">): MakeDuty[] {
  const operations = adminOperations({ policy, schema: mergeSchema(schema) });
  return [elections, drain, topicsDuty, requestsDuty(operations), reassignments, rebalance, preferred];
}
