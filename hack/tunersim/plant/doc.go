// Package plant simulates pods that serve pictures, for the tuner to be judged against something that does not share its model.
//
// A Fleet has pools of pods behind one Service. Requests of a Trace arrive at random pods, wait for room in the page pool, are prefilled
// one after the other (uncompressed, in up to 70 % of a pod's time while others decode), compressed, and decoded all together. The time of
// a decode step follows what bandwidth and arithmetic say; everything that the tuner has to find out (text shares, queues, peaks, prefills
// that delay tokens, pods that are hotter than others) comes out of the requests themselves. Pods show what real ones do: cumulative
// counters, histograms with buckets, a peak gauge of 15 s, and now and then nonsense.
//
// Time moves in ticks of a tenth of a second. There is no clock and no global randomness: the same Trace gives the same run.
package plant
