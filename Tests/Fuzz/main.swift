import Foundation
import FuzzReaders
import TestSupport

// pinsage-fuzz READER SEED ROUNDS [FIRST]   reads hostile inputs, prints one line of figures
// pinsage-fuzz --list | --columns            the readers' names, or those of the figures
// pinsage-fuzz --corpus FOLDER READER       writes the reader's samples, a file each
// pinsage-fuzz --show READER SEED ROUND     shows the input of one round

let arguments = Array(CommandLine.arguments.dropFirst())

func fail(_ line: String) -> Never {
    FileHandle.standardError.write(Data((line + "\n").utf8))
    exit(1)
}

do {
    if arguments == ["--list"] {
        print(FuzzReaders.names.joined(separator: " "))
    } else if arguments == ["--columns"] {
        print(FuzzTally.columns)
    } else if arguments.count == 3, arguments[0] == "--corpus" {
        let reader = try FuzzReaders.make(arguments[2])
        try FileManager.default.createDirectory(atPath: arguments[1], withIntermediateDirectories: true)
        for (index, parts) in (reader.samples + reader.traps).enumerated() {
            try Data(reader.packed(parts)).write(to: URL(fileURLWithPath: "\(arguments[1])/sample-\(index)"))
        }
    } else if arguments.count == 4, arguments[0] == "--show", let seed = UInt64(arguments[2]),
        let round = UInt64(arguments[3])
    {
        let reader = try FuzzReaders.make(arguments[1])
        var mutator = FuzzMutator(reader, seed: seed, round: round)
        for part in mutator.next(reader).parts { print(String(decoding: part, as: UTF8.self).debugDescription) }
    } else if (3...4).contains(arguments.count), let seed = UInt64(arguments[1]), let rounds = Int(arguments[2]) {
        let first = arguments.count == 4 ? UInt64(arguments[3]) ?? 0 : 0
        let plan = FuzzPlan(seed: seed, rounds: rounds, firstRound: first)
        print(try FuzzReaders.make(arguments[0]).run(plan).line)
    } else {
        fail("fuzz: expected READER SEED ROUNDS [FIRST], found \(arguments.joined(separator: " "))")
    }
} catch {
    fail("\(error)")
}
