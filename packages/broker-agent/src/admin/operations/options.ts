/** What a host adds to the operations. */
import type { AlterConfigsOptions } from "../../config/alter-operation.ts";
import type { AdminOperation } from "../operation.ts";

export interface OperationOptions extends AlterConfigsOptions {
  /** Asked before a topic is made or grows: a reason to refuse, or undefined. `args`: of that one topic. KIP-108. */
  readonly policy?: ((request: { readonly op: string; readonly args: unknown }) => string | undefined) | undefined;
  /** Beside those of this package. */
  readonly more?: readonly AdminOperation[] | undefined;
}
