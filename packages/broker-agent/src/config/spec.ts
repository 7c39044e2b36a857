/** What a setting is: its type, its bounds, and where it may be set. The words only; `value.ts` reads values by them. */

export type SettingType = "boolean" | "integer" | "number" | "string" | "list" | "password";

export interface SettingSpec {
  readonly type: SettingType;
  readonly default: string;
  /** `topic`: may be set for a topic too; `broker`: for a broker too; `cluster`: for all brokers only; `read-only`: at no time. */
  readonly scope: "topic" | "broker" | "cluster" | "read-only";
  /** Of numbers the value, of lists the number of items. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** Of a list: what each item may be. */
  readonly oneOf?: readonly string[] | undefined;
  /** May be set for one listener of a broker, by `listener.name.<listener>.` before its name. */
  readonly perListener?: boolean | undefined;
  readonly doc: string;
}

export type SettingSchema = Readonly<Record<string, SettingSpec>>;
