# SPDX-License-Identifier: BSD-2-Clause
# Looks names up in libm again and again, as code does that does not keep a Fiddle::Function.
require 'fiddle'

PLAIN = %w[cbrt erf hypot lgamma asinh fmod j0 logb].freeze
IFUNC = %w[cos].freeze
ABSENT = %w[no_such_function cosinus].freeze

# Nanoseconds per look-up of these names, n look-ups in all, each answer checked.
def look_up(handle, names, count)
  rounds = count / names.size
  first = names.map { |name| handle[name] }
  moved = 0
  start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  rounds.times do
    names.each_with_index { |name, i| moved += 1 if handle[name] != first[i] }
  end
  spent = Process.clock_gettime(Process::CLOCK_MONOTONIC) - start
  function = Fiddle::Function.new(first[0], [Fiddle::TYPE_DOUBLE], Fiddle::TYPE_DOUBLE)
  puts "#{rounds * names.size} look-ups, #{moved} with another answer, " \
       "#{names[0]}(1.5) = #{function.call(1.5)}"
  spent * 1e9 / (rounds * names.size)
end

libm = Fiddle::Handle.new('libm.so.6')
plain = look_up(libm, PLAIN, Integer(ARGV[0]))
ifunc = look_up(libm, IFUNC, Integer(ARGV[0]) / 4)
ABSENT.each do |name|
  libm[name]
rescue Fiddle::DLError => e
  puts e.message
end

IO.open(3, 'w') do |metrics|
  metrics.puts "metric #{plain} ns Fiddle handle['cbrt'] and others"
  metrics.puts "metric #{ifunc} ns Fiddle handle['cos'], an IFUNC"
end
