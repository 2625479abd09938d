import Foundation

/// One thread for each processor this process may use.
func availableThreads() -> Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }
