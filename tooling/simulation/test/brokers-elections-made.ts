/** Hand-made elections, for the tests of what replicas hold: who was made leader, though it was away, or a stranger. Nothing is judged here. */
import { ClusterLog, partition, sessionOf } from "./brokers-made.ts";

/** Broker 1 leads, is gone, and broker 2 is elected. */
export const elected = (): ClusterLog =>
  new ClusterLog().expire(sessionOf(1)).become(2, partition({ leader: 2, leaderEpoch: 1, isr: [2, 3] }));
/** Broker 3 alone is in sync, is gone, and a stranger is made leader. */
export const unclean = (): ClusterLog =>
  new ClusterLog(partition({ leader: 3, isr: [3] }))
    .write(sessionOf(1), { "config/brokers/<default>": { values: { "unclean.leader.election.enable": "true" } } })
    .expire(sessionOf(3))
    .become(1, partition({ leader: 2, leaderEpoch: 1, isr: [2], recovering: true }));
/** Broker 3 alone is in sync, is gone, comes back by another life and is made leader again. */
export const unsure = (): { readonly log: ClusterLog; readonly epoch: number } => {
  const log = new ClusterLog(partition({ leader: 3, isr: [3] })).expire(sessionOf(3)).register(3, 203);
  const epoch = log.zxid;
  log.become(1, partition({ leader: 3, leaderEpoch: 1, isr: [3] }));
  return { log, epoch };
};
/** The same, but it comes back between the end of its life and the writing of that: the state that calls it the last known is younger than it. */
export const unsureStill = (): { readonly log: ClusterLog; readonly epoch: number } => {
  const log = new ClusterLog(partition({ leader: 3, isr: [3] })).expire(sessionOf(3)).register(3, 203);
  const epoch = log.zxid;
  log.become(1, partition({ leader: null, leaderEpoch: 1, isr: [3] }));
  log.become(1, partition({ leader: 3, leaderEpoch: 2, isr: [3] }));
  return { log, epoch };
};
/** A stranger is made leader, is gone before it hears of it, and is made leader again by another life. */
export const uncleanTwice = (): { readonly log: ClusterLog; readonly epoch: number } => {
  const log = unclean().expire(sessionOf(2));
  log.become(1, partition({ leader: null, leaderEpoch: 2, isr: [2], recovering: true })).register(2, 202);
  const epoch = log.zxid;
  log.become(1, partition({ leader: 2, leaderEpoch: 3, isr: [2], recovering: true }));
  return { log, epoch };
};
/** A stranger is made leader, is gone, and another stranger is made leader. */
export const uncleanByTurns = (): ClusterLog =>
  unclean()
    .expire(sessionOf(2))
    .become(1, partition({ leader: 1, leaderEpoch: 2, isr: [1], recovering: true }));
/** A stranger is made leader, repairs its log, takes another one in, is gone, and the other one is made leader. */
export const uncleanThenClean = (): ClusterLog =>
  unclean()
    .become(2, partition({ leader: 2, leaderEpoch: 1, isr: [2] }))
    .become(2, partition({ leader: 2, leaderEpoch: 1, isr: [2, 1] }))
    .expire(sessionOf(2))
    .become(1, partition({ leader: 1, leaderEpoch: 2, isr: [1] }));
/** Broker 3 is back by another life and made leader again; so it is once more, without having been away. */
export const unsureTwice = (): { readonly log: ClusterLog; readonly epoch: number } => {
  const { log, epoch } = unsure();
  log.become(1, partition({ leader: null, leaderEpoch: 2, isr: [3] }));
  log.become(1, partition({ leader: 3, leaderEpoch: 3, isr: [3] }));
  return { log, epoch };
};
/** Broker 3 is back by another life and made leader, while broker 2, which has been there all the time, may not; then broker 2 is. */
export const surelyAfter = (): ClusterLog =>
  new ClusterLog(partition({ leader: 3, isr: [2, 3] }))
    .write(sessionOf(2), { "brokers/2": { id: 2, status: "fenced", failedReplicas: [] } })
    .expire(sessionOf(3))
    .register(3, 203)
    .become(1, partition({ leader: 3, leaderEpoch: 1, isr: [2, 3] }))
    .write(sessionOf(2), { "brokers/2": { id: 2, status: "active", failedReplicas: [] } })
    .become(1, partition({ leader: 2, leaderEpoch: 2, isr: [2, 3] }));
/** Broker 2 alone is in sync, and is gone with its reassignment: a stranger is put in sync, and made leader once it is there. */
export const cancelled = (): ClusterLog => {
  const moving = partition({ replicas: [3, 1, 2], adding: [2], leader: 2, isr: [2] });
  return new ClusterLog(moving)
    .write(sessionOf(1), { "config/brokers/<default>": { values: { "unclean.leader.election.enable": "true" } } })
    .become(1, partition({ replicas: [3, 1], leader: null, leaderEpoch: 1, isr: [3], recovering: true }))
    .become(1, partition({ replicas: [3, 1], leader: 3, leaderEpoch: 2, isr: [3], recovering: true }));
};
