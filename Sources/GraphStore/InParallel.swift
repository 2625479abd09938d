import Dispatch
import Synchronization

/// Runs `body(0)` … `body(threads − 1)`, at once where there are so many processors.
///
/// - Throws: of the errors that bodies end with, that of the smallest number.
func inParallel(_ threads: Int, _ body: (Int) throws -> Void) throws {
    let failure = Mutex<(number: Int, error: any Error)?>(nil)
    withoutActuallyEscaping(body) { body in
        // Every call has ended when this returns; what they share is for the caller to keep apart.
        nonisolated(unsafe) let body = body
        DispatchQueue.concurrentPerform(iterations: threads) { number in
            do {
                try unsafe body(number)
            } catch {
                failure.withLock { if number < $0?.number ?? .max { $0 = (number, error) } }
            }
        }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
}
