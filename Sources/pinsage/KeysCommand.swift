import ArgumentParser
import Basics
import FrontDoor
import Transport

/// `pinsage keys`: who may talk to a trainer over the network.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make the keys by which trainer and samplers know each other (security.mechanism: curve).",
        discussion: """
            Makes the trainer's keys where there are none, and those of a sampler, whose public key is added to the \
            file `allowed`. Run it again with another --name for a sampler with keys of its own. A sampler's host \
            needs trainer.public, NAME.public and NAME.secret; to shut a sampler out, take its line out of `allowed`.
            """)

    @Option(help: ArgumentHelp("Folder of the keys; every file in it has mode 0600.", valueName: "folder"))
    var out: String

    @Option(help: "Name of the sampler's keys, as in security.name.")
    var name = "sampler"

    func validate() throws {
        let isPlain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        guard !name.isEmpty, isPlain, !["trainer", ".", ".."].contains(name) else {
            throw ValidationError("--name is \(name): expected letters, digits, - and _, and not trainer")
        }
    }

    func run() throws {
        try KeyFolder(path: out).make(worker: name)
        writeToStandardError(
            "\(out): keys of the trainer and of \(name); set security.mechanism=curve, security.keys=\(out)")
    }
}
