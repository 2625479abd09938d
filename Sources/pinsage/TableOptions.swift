import ArgumentParser
import GraphStore

/// What sorting a graph may take of the machine.
struct TableOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Most memory, mapped files included, as 8G or 512M; edges beyond it wait in --out. (default: half of the machine's)",
            valueName: "bytes"))
    var memory: ByteCount?

    @Option(help: ArgumentHelp("Threads. Changes no byte. (default: every processor)", valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let memory, memory.bytes < ImportMemory.byteCountMin {
            let least = ImportMemory.byteCountMin >> 20
            throw ValidationError("--memory is \(memory.bytes) bytes: expected \(least)M or more")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads: expected 1 … 1024, found \(threads).")
        }
    }
}
