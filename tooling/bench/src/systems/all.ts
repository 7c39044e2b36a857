/** The systems that are measured, each under its name. */
import type { SystemName } from "../report/results.ts";
import { corral } from "./corral.ts";
import { etcd } from "./etcd.ts";
import type { System } from "./system.ts";
import { zookeeper } from "./zookeeper.ts";

export const SYSTEMS: Readonly<Record<SystemName, System>> = { corral, zookeeper, etcd };
