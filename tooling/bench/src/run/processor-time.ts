/** What Linux says of a process and of the machine, from /proc: CPU time and memory. Only reads. */
import { readFileSync } from "node:fs";

/** Clock ticks a second in /proc: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of a process since it began, user and system, all its threads. */
export function cpuSeconds(pid: number): number {
  return cpuSecondsOf(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** From the line in /proc/PID/stat. The name, in parentheses, may hold anything, also parentheses. */
export function cpuSecondsOf(line: string): number {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (found === null) throw new Error(`process ${pid} has no memory: it has ended`);
  return Number(found[1]) * 1024;
}

/** CPU seconds that the machine was busy since it booted, all cores. */
export function machineCpuSeconds(): number {
  return machineCpuSecondsOf(readFileSync("/proc/stat", "utf8"));
}

/** From /proc/stat: all but idle and waiting for the disk; guests are counted in user. */
export function machineCpuSecondsOf(text: string): number {
  const [user, nice, system, , , irq, softIrq, steal] = text.split("\n")[0]!.split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softIrq! + (steal ?? 0)) / TICKS_PER_SECOND;
}
