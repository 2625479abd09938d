import Foundation
import Kernels

/// What the processor calls itself, and what is used of it.
struct Machine: Encodable {
    let cpu: String
    let processors: Int
    let instructionSet: String

    init(_ set: InstructionSet) {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        func value(_ key: String) -> String? {
            lines.first { $0.hasPrefix(key) }?.split(separator: ":").last.map {
                $0.trimmingCharacters(in: .whitespaces)
            }
        }
        let family = [value("cpu family").map { "family \($0)" }, value("model\t").map { "model \($0)" }]
        cpu = ([value("model name") ?? "unknown"] + family.compactMap { $0 }).joined(separator: ", ")
        processors = ProcessInfo.processInfo.activeProcessorCount
        instructionSet = "\(set)"
    }
}

/// The timings of all kernels.
struct KernelReport: Encodable {
    struct Limits: Encodable {
        let threads: Int
        let float32Gflops: Double
        let bfloat16Gflops: Double?
        let readGbs: Double
        let readRowsGbs: Double
    }

    struct Entry: Encodable {
        let name: String
        let kernel: String
        let precision: String
        let sizes: [Int]
        let threads: Int
        /// `GFLOP/s` or `GB/s`, of `rate` and `scalarRate`.
        let unit: String
        let rate: Double
        let scalarRate: Double
        /// The median, and the fastest.
        let seconds: Double
        let fastestSeconds: Double
        /// Half the distance between the quartiles, as a share of the median.
        let spread: Double
        /// The least time that operations and bytes take at the machine's limits.
        let floorSeconds: Double
        /// Share of the limit of multiply-adds in registers; nil where bytes are counted.
        let operationShare: Double?

        init(
            _ item: KernelCase, _ samples: Samples, _ limits: MachineLimits, threads: Int, scalarSeconds: Double
        ) {
            (name, kernel, sizes, self.threads) = (item.name, item.kernel, item.sizes, threads)
            precision = item.precision.rawValue
            (seconds, fastestSeconds, spread) = (samples.median, samples.fastest, samples.spread)
            switch item.work {
            case .operations(let operations, let bytes):
                unit = "GFLOP/s"
                rate = operations / samples.median / 1e9
                scalarRate = operations / scalarSeconds / 1e9
                floorSeconds = max(operations / limits.operations(item.precision), bytes / limits.read)
                operationShare = operations / samples.median / limits.operations(item.precision)
            case .bytes(let bytes), .scattered(let bytes):
                unit = "GB/s"
                rate = bytes / samples.median / 1e9
                scalarRate = bytes / scalarSeconds / 1e9
                if case .scattered = item.work {
                    floorSeconds = bytes / limits.readRows
                } else {
                    floorSeconds = bytes / limits.read
                }
                operationShare = nil
            }
        }
    }

    let machine: Machine
    let limits: [Limits]
    let kernels: [Entry]

    /// For people: Markdown.
    var table: String {
        var lines = ["\(machine.cpu), \(machine.processors) processors, \(machine.instructionSet)", ""]
        for limit in limits {
            let bfloat16 = limit.bfloat16Gflops.map { String(format: ", bfloat16 %.0f GFLOP/s", $0) } ?? ""
            lines.append(
                String(
                    format: """
                        Limits, %d thread%@: float32 %.0f GFLOP/s%@, reading in order %.1f GB/s, rows of 512 bytes here and \
                        there %.1f GB/s
                        """,
                    limit.threads, limit.threads == 1 ? "" : "s", limit.float32Gflops, bfloat16, limit.readGbs,
                    limit.readRowsGbs))
        }
        lines += ["", "| kernel | threads | median | | spread | of the limit | of the floor | formula |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for entry in kernels {
            let share = entry.operationShare.map { String(format: "%.0f %%", 100 * $0) } ?? "–"
            lines.append(
                String(
                    format: "| %@ | %d | %.1f %@ | %.2f ms | ± %.0f %% | %@ | %.0f %% | %.2f |", entry.name,
                    entry.threads, entry.rate, entry.unit, 1e3 * entry.seconds, 100 * entry.spread, share,
                    100 * entry.floorSeconds / entry.seconds, entry.scalarRate))
        }
        return lines.joined(separator: "\n")
    }
}

/// Prints one JSON object, keys in order, on standard output: all that a command with `--json` writes there.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
