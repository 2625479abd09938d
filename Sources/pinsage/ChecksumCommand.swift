import ArgumentParser
import Artifacts
import Basics
import Foundation
import Inference

/// `pinsage checksum`: one number for what a run has learned.
struct ChecksumCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checksum",
        abstract: "Print one checksum of a checkpoint's tensors: names, shapes and bytes.",
        discussion: """
            Two runs that have learned the same print the same 16 digits, whatever their folders, workers, threads \
            and interruptions. Metadata do not count.
            """)

    @Argument(help: ArgumentHelp("A run folder (its newest whole checkpoint) or a checkpoint.", valueName: "run"))
    var path: String

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    private struct Answer: Encodable {
        var checksum: String
        var path: String
        var step: String?
        var instructionSet: String?
        var tensors: Int
    }

    func run() throws {
        let isRun = FileManager.default.fileExists(atPath: path + "/checkpoints")
        let file = isRun ? try EmbedSource.newestCheckpoint(run: path, note: writeToStandardError) : path
        let checkpoint = try SafetensorsFile(path: file)
        let checksum = checkpoint.tensorsChecksum
        if json {
            try printJSON(
                Answer(
                    checksum: checksum, path: file, step: checkpoint.metadata["step"],
                    instructionSet: checkpoint.metadata["instruction_set"], tensors: checkpoint.tensors.count))
        } else {
            print("\(checksum)  \(file)")
        }
    }
}
