import Glibc

/// Where the time of a step goes: every kernel call, in order, with what it had to do.
///
/// Of one thread: the one that calls the kernels.
package final class KernelMeter: @unchecked Sendable {
    package struct Call {
        /// Kernel and widths; rows are apart, because they differ from batch to batch.
        package let name: String
        package let rows: Int
        /// Floating-point operations, and bytes read and written at least.
        package let operations: Double
        package let bytes: Double
        package let seconds: Double
    }

    package private(set) var calls: [Call] = []

    package init() {}

    /// Forgets all calls.
    package func reset() { calls.removeAll(keepingCapacity: true) }

    func record(_ work: KernelWork, since start: Double) {
        calls.append(
            Call(
                name: work.name, rows: work.rows, operations: work.operations, bytes: work.bytes,
                seconds: Self.now() - start))
    }

    static func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}

/// What one kernel call has to do.
struct KernelWork {
    let name: String
    let rows: Int
    let operations: Double
    let bytes: Double

    /// A product of M × K × N; `rows` is M.
    static func product(_ kernel: String, _ m: Int, _ k: Int, _ n: Int) -> KernelWork {
        KernelWork(
            name: "\(kernel) \(k)×\(n)", rows: m, operations: 2 * Double(m) * Double(k) * Double(n),
            bytes: 4 * Double(m * k + k * n + m * n))
    }

    /// `passes` readings or writings of rows × width elements, `operationsPerElement` on each.
    static func rows(_ kernel: String, _ rows: Int, _ width: Int, passes: Int) -> KernelWork {
        KernelWork(name: "\(kernel) \(width)", rows: rows, operations: 0, bytes: 4 * Double(passes * rows * width))
    }
}

extension Kernels {
    /// Runs `body`, on the meter if there is one.
    func metered<Result>(_ work: @autoclosure () -> KernelWork, _ body: () -> Result) -> Result {
        guard let meter else { return body() }
        let start = KernelMeter.now()
        let result = body()
        meter.record(work(), since: start)
        return result
    }
}
